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
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
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
	args := append(privileges(t), "--detach", "--name", testkit.Name(t, "setup-"+suite),
		"--volume", goroot+":/usr/local/go:ro", "--volume", volume.Name+":/var/lib/docker",
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
	// As on a machine whose init mounts no control groups.
	b.sh("mount -o remount,rw /sys; umount -R /sys/fs/cgroup")
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

// privileges is what a nested Engine needs. --privileged wants every capability that
// the kernel knows; where this machine itself does not have all of them (inside a
// virtual machine's sandbox), the ones that there are have to do.
func privileges(t *testing.T) []string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	m := regexp.MustCompile(`CapBnd:\s+(\w+)`).FindSubmatch(status)
	require.NotNil(t, m, "no CapBnd in /proc/self/status")
	have, err := strconv.ParseUint(string(m[1]), 16, 64)
	require.NoError(t, err)
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(last)))
	require.NoError(t, err)
	if have == 1<<(n+1)-1 {
		return []string{"--privileged"}
	}
	args := []string{"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
		"--security-opt", "systempaths=unconfined", "--device-cgroup-rule", "a *:* rwm"}
	for bit, name := range capabilities {
		if have&(1<<bit) != 0 {
			args = append(args, "--cap-add", name)
		}
	}
	return args
}

// capabilities by their numbers, see capabilities(7); the ones after 37 are unknown
// to Engine 20.10 and not needed.
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ`)

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
