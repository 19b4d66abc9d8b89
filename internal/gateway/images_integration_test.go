//go:build integration

package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/testkit"
)

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// docker runs the CLI and returns its standard output without the final line break.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := tryDocker(args...)
	require.NoError(t, err, "docker %s", strings.Join(args, " "))
	return out
}

func tryDocker(args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.Command("docker", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s%s", err, out, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

var built struct {
	once              sync.Once
	gateway, frontend string
	err               error
}

// buildImages builds the gateway and the frontend of this checkout if they are not there.
func buildImages(t testing.TB) {
	t.Helper()
	built.once.Do(func() {
		settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
		if err != nil {
			built.err = err
			return
		}
		list, err := image.Build(context.Background(), image.BuildOptions{Settings: settings, Engine: testkit.Engine(t),
			Err: os.Stderr, Names: []string{image.Gateway, image.Frontend}, Stage: image.StageProd})
		if err != nil {
			built.err = err
			return
		}
		for _, b := range list {
			switch b.Name {
			case image.Gateway:
				built.gateway = b.Ref
			case image.Frontend:
				built.frontend = b.Ref
			}
		}
	})
	require.NoError(t, built.err)
}

func gatewayImage(t testing.TB) string {
	t.Helper()
	buildImages(t)
	return built.gateway
}

func frontendImage(t testing.TB) string {
	t.Helper()
	buildImages(t)
	return built.frontend
}

// echoImage holds testdata/echo and nothing else. Its tag is made from its content, and
// it is kept across runs.
var echoImage = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "echo")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", bin, "./testdata/echo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the echo program: %w: %s", err, out)
	}
	content, err := os.ReadFile(bin)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	ref := "drydock-test/echo:" + hex.EncodeToString(sum[:6])
	if _, err := tryDocker("image", "inspect", ref); err == nil {
		return ref, nil
	}
	root, err := engine.Tar(engine.File{Name: "echo", Mode: 0o755, Data: content})
	if err != nil {
		return "", err
	}
	load := exec.Command("docker", "import", "--change", `ENTRYPOINT ["/echo"]`, "--change", "LABEL drydock.test.image=echo", "-", ref)
	load.Stdin = root
	if out, err := load.CombinedOutput(); err != nil {
		return "", fmt.Errorf("importing the echo image: %w: %s", err, out)
	}
	return ref, nil
})
