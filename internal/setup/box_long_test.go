//go:build integration && long

package setup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/nested"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// box is a fresh machine: a privileged container with nothing but Debian's required
// packages, a network of its own and this test binary. Its first process reaps
// nobody, as in many containers that people work in.
type box struct {
	t  *testing.T
	c  *engine.Client
	id string
}

func newBox(t *testing.T, suite string) *box {
	t.Helper()
	c := testkit.Engine(t)
	require.True(t, c.Local(), "the scratch machines bind-mount this machine's Go: DOCKER_HOST must be local")
	here := Options{Environ: os.Environ(), Stderr: io.Discard}
	mirror := or(lookApt(t.Context(), here, lookSystem(t.Context(), here)).Mirror, defaultMirror)

	ref := testkit.Name(t, "setup-"+suite) + ":latest"
	importRoot(t, c, suite, mirror, ref)

	goroot, err := here.ask(t.Context(), testkit.Root(t), "go", "env", "GOROOT")
	require.NoError(t, err)
	volume := testkit.Volume(t) // nested overlays need a real file system below
	rights, err := nested.Options()
	require.NoError(t, err)
	args := append(rights, "--detach", "--name", testkit.Name(t, "setup-"+suite),
		"--volume", goroot+":/usr/local/go:ro", "--volume", volume.Name+":"+nested.Data,
		"--env", "PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	args = append(args, testkit.LabelOptions(t)...)
	for _, kv := range os.Environ() {
		if key, _, _ := strings.Cut(kv, "="); strings.HasSuffix(strings.ToLower(key), "_proxy") {
			args = append(args, "--env", kv)
		}
	}
	// The engine's client has no word for such rights: nothing of the product uses them.
	out, err := here.ask(t.Context(), "", "docker", append(append([]string{"run"}, args...), ref, "sleep", "infinity")...)
	require.NoError(t, err)

	b := &box{t: t, c: c, id: out}
	b.fill()
	b.sh(nested.Bare)
	return b
}

// static builds this test binary so that it runs on any C library: the one that runs
// here may need this machine's (go test -race), and Debian 12's is older than most.
func static(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "setup.test")
	var said bytes.Buffer
	err := run.Run(t.Context(), run.Cmd{
		Name: "go", Args: []string{"test", "-c", "-tags=integration", "-o", file, "./internal/setup"}, Dir: testkit.Root(t),
		Env: append(os.Environ(), "CGO_ENABLED=0"), Stdout: &said, Stderr: &said,
	})
	require.NoError(t, err, said.String())
	return file
}

// with is the same box for a subtest.
func (b *box) with(t *testing.T) *box { return &box{t: t, c: b.c, id: b.id} }

// importRoot makes an image of the release's required packages, straight from the
// mirror.
func importRoot(t *testing.T, c *engine.Client, suite, mirror, ref string) {
	t.Helper()
	if *roots != "" {
		f, err := os.Open(filepath.Join(*roots, suite+".tar"))
		require.NoError(t, err)
		defer f.Close()
		_, err = c.Import(t.Context(), f, engine.ImportOptions{Ref: ref, Labels: testkit.Labels(t)})
		require.NoError(t, err)
		return
	}
	r, w := io.Pipe()
	var said bytes.Buffer
	go func() {
		err := run.Run(t.Context(), run.Cmd{
			Name: "mmdebstrap", Args: []string{"--variant=minbase", "--quiet",
				"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
				suite, "-", "deb " + mirror + " " + suite + " main"},
			Env: Options{Environ: os.Environ()}.childEnv(), Stdout: w, Stderr: &said,
		})
		_ = w.CloseWithError(err) // never fails
	}()
	_, err := c.Import(t.Context(), r, engine.ImportOptions{Ref: ref, Labels: testkit.Labels(t)})
	require.NoError(t, err, said.String())
}

// fill copies the test binary, the go.mod that says which Go is wanted, and the
// machine's CA bundle, for mirrors that need it.
func (b *box) fill() {
	b.t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, from := range map[string]string{
		"setup.test":                        static(b.t),
		"checkout/go.mod":                   filepath.Join(testkit.Root(b.t), "go.mod"),
		"checkout/scripts/install-go.sh":    filepath.Join(testkit.Root(b.t), "scripts", "install-go.sh"),
		"etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt",
	} {
		text, err := os.ReadFile(from)
		if errors.Is(err, os.ErrNotExist) && strings.HasPrefix(name, "etc/") {
			continue // this machine has none, so its mirror needs none
		}
		require.NoError(b.t, err)
		require.NoError(b.t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}))
		_, err = w.Write(text)
		require.NoError(b.t, err)
	}
	require.NoError(b.t, w.Close())
	require.NoError(b.t, b.c.CopyTo(b.t.Context(), b.id, "/", &archive))
}

// result is how a program inside the box ended.
type result struct {
	code     int
	out, err string
}

// sh runs a script that has to succeed.
func (b *box) sh(script string) string {
	b.t.Helper()
	r := b.exec("root", strings.NewReader(script), io.Discard, "sh", "-eu", "-s")
	require.Zero(b.t, r.code, "%s\n%s%s", script, r.out, r.err)
	return strings.TrimSpace(r.out)
}

// program runs this binary in one of its roles.
func (b *box) program(role string, more ...string) result {
	b.t.Helper()
	return b.exec("root", nil, io.Discard, programArgs(role, more...)...)
}

func programArgs(role string, more ...string) []string {
	return append([]string{"/setup.test", "-inside=" + role, "-inside-root=/checkout"}, more...)
}

func (b *box) exec(user string, in io.Reader, watch io.Writer, cmd ...string) result {
	b.t.Helper()
	var out, errs bytes.Buffer
	err := b.c.Exec(b.t.Context(), b.id, engine.Command{Cmd: cmd, User: user,
		Streams: engine.Streams{In: in, Out: io.MultiWriter(&out, watch), Err: io.MultiWriter(&errs, watch)}})
	r := result{out: out.String(), err: errs.String()}
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		r.code = exit.Code
		return r
	}
	require.NoError(b.t, err)
	return r
}

// lines gives a function each line that is written to it, as it comes.
func lines(ctx context.Context, f func(string)) (io.WriteCloser, <-chan struct{}) {
	r, w := io.Pipe()
	done := make(chan struct{})
	context.AfterFunc(ctx, func() { _ = w.Close() })
	go func() {
		defer close(done)
		s := bufio.NewScanner(r)
		for s.Scan() {
			f(s.Text())
		}
		_, _ = io.Copy(io.Discard, r) // a line too long for the scanner must not block the writer
	}()
	return w, done
}
