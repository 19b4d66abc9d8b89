package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// ShellImage returns the reference of an image with this machine's sh, cat, grep, sleep
// and tr and the libraries that they need, for tests that want a shell in a container
// where there is no registry to fetch one from.
func ShellImage(t testing.TB) string {
	t.Helper()
	c := Engine(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	files, err := hostFiles(ctx, "sh", "cat", "grep", "sleep", "tr")
	if err != nil {
		t.Fatalf("making an image from this machine's programs: %v", err)
	}
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%s %d\n", f.Name, len(f.Data))
		sum.Write(f.Data)
	}
	ref := "drydock-test/shell:" + hex.EncodeToString(sum.Sum(nil)[:6])
	present, err := c.HasImage(ctx, ref)
	if err != nil {
		t.Fatalf("making an image from this machine's programs: %v", err)
	}
	if present {
		return ref
	}
	rootfs, err := engine.Tar(files...)
	if err != nil {
		t.Fatalf("making an image from this machine's programs: %v", err)
	}
	_, err = c.Import(ctx, rootfs, engine.ImportOptions{
		Ref: ref, Labels: map[string]string{labelImage: "shell"}, Changes: []string{"ENV PATH=/bin", "USER 10001:10001"},
	})
	if err != nil {
		t.Fatalf("making an image from this machine's programs: %v", err)
	}
	return ref
}

// library matches a line of ldd: "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)"
// or "/lib64/ld-linux-x86-64.so.2 (0x...)".
var library = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// hostFiles collects programs into /bin and their libraries where they are.
func hostFiles(ctx context.Context, programs ...string) ([]engine.File, error) {
	libraries := map[string]bool{}
	var files []engine.File
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, engine.File{Name: "bin/" + name, Mode: 0o755, Data: data})
		out, err := run.Output(ctx, run.Cmd{Name: "ldd", Args: []string{path}, Env: os.Environ()})
		if err != nil {
			return nil, err
		}
		for _, m := range library.FindAllStringSubmatch(string(out), -1) {
			libraries[m[1]] = true
		}
	}
	for path := range libraries {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, engine.File{Name: strings.TrimPrefix(filepath.Clean(path), "/"), Mode: 0o755, Data: data})
	}
	files = append(files, engine.File{Name: "tmp/", Mode: 0o777})
	slices.SortFunc(files, func(a, b engine.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}
