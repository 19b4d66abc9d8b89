package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// tinyName is the repository of the test image. It is kept across runs: its tag is made
// from its content.
const tinyName = "drydock-test/tiny"

// labelImage marks the images that the test kit makes for itself.
const labelImage = "drydock.test.image"

// keepImages is how long an image of an older version of the test program is kept.
const keepImages = 7 * 24 * time.Hour

var tiny struct {
	sync.Mutex
	ref string
}

// TinyImage returns the reference of an image that holds nothing but the program tiny
// (see its usage text), as the entry point. It has no shell and no health check. The
// image is made when it is not there.
func TinyImage(t testing.TB) string {
	t.Helper()
	c := Engine(t)
	tiny.Lock()
	defer tiny.Unlock()
	if tiny.ref != "" {
		return tiny.ref
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	program := buildTiny(ctx, t, c)
	sum := sha256.Sum256(program)
	ref := tinyName + ":" + hex.EncodeToString(sum[:6])
	present, err := c.HasImage(ctx, ref)
	if err != nil {
		t.Fatalf("making the test image: %v", err)
	}
	if !present {
		importTiny(ctx, t, c, ref, program)
	}
	tiny.ref = ref
	return ref
}

func buildTiny(ctx context.Context, t testing.TB, c *engine.Client) []byte {
	t.Helper()
	info, err := c.Info(ctx)
	if err != nil {
		t.Fatalf("building the test program: %v", err)
	}
	arch := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[info.Architecture]
	if arch == "" {
		arch = info.Architecture
	}
	dir, err := os.MkdirTemp("", "drydock-tiny-")
	if err != nil {
		t.Fatalf("building the test program: %v", err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "tiny")
	err = run.Run(ctx, run.Cmd{
		Name: "go", Dir: Root(t),
		Args: []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "./internal/testkit/tiny"},
		Env:  append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS="),
	})
	if err != nil {
		t.Fatalf("building the test program: %v", err)
	}
	program, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("building the test program: %v", err)
	}
	return program
}

func importTiny(ctx context.Context, t testing.TB, c *engine.Client, ref string, program []byte) {
	t.Helper()
	rootfs, err := engine.Tar(
		engine.File{Name: "tiny", Mode: 0o755, Data: program},
		engine.File{Name: "tmp/", Mode: 0o777},
		engine.File{Name: "etc/", Mode: 0o755},
		engine.File{Name: "etc/passwd", Mode: 0o644, Data: []byte("root:x:0:0::/:/none\ntest:x:10001:10001::/:/none\n")},
	)
	if err != nil {
		t.Fatalf("making the test image: %v", err)
	}
	_, err = c.Import(ctx, rootfs, engine.ImportOptions{
		Ref: ref, Labels: map[string]string{labelImage: "tiny"}, Changes: []string{`ENTRYPOINT ["/tiny"]`},
	})
	if err != nil {
		t.Fatalf("making the test image: %v", err)
	}
	old, err := c.Images(ctx, engine.Filter{Labels: map[string]string{labelImage: "tiny"}})
	if err != nil {
		t.Fatalf("looking for older test images: %v", err)
	}
	for _, in := range old {
		for _, tag := range in.Tags {
			if tag != ref && time.Since(in.Created) > keepImages {
				if err := c.RemoveImage(ctx, tag); err != nil {
					t.Logf("an older test image stays: %v", err) // some container uses it
				}
			}
		}
	}
}
