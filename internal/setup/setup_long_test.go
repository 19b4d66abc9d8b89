//go:build integration && long

package setup

import (
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

// A fresh Debian 12: another package manager holds the lock, then somebody presses
// Ctrl-C in the middle of the installation, then it goes on to the end, and comes back
// after its daemon was killed.
func TestSetupOnDebian12(t *testing.T) {
	t.Parallel()
	b := newBox(t, "bookworm")
	state := func() string { return b.sh("find /etc /var/lib/apt /var/lib/dpkg -type f | sort | xargs sha256sum") }
	before := state()

	r := b.program("doctor")
	assert.Equal(t, run.CodeMissing, r.code, r.err)
	for _, want := range []string{"missing  docker engine", "missing  docker cli", "missing  compose plugin", "missing  buildx plugin", "ok       go "} {
		assert.Contains(t, r.out, want)
	}
	assert.Equal(t, before, state(), "doctor changed something")

	t.Run("without rights it prints the commands", func(t *testing.T) {
		b := b.with(t)
		b.sh("useradd --create-home somebody")
		r := b.exec("somebody", nil, io.Discard, programArgs("setup")...)
		assert.Equal(t, run.CodeMissing, r.code)
		assert.Contains(t, r.err, "apt-get -q update")
		assert.Contains(t, r.err, "install --no-download docker.io iptables ca-certificates mmdebstrap")
	})

	t.Run("waits for a lock and stops without harm", func(t *testing.T) { interrupted(t, b.with(t)) })

	r = b.program("setup")
	require.Zero(t, r.code, r.out+r.err)
	assert.Regexp(t, `setup: done: Docker Engine 20\.10\.`, r.out)
	assert.Contains(t, r.err, "leaving the system's sources alone: docker-compose docker-buildx")
	b.works()
	assert.Empty(t, b.sh("grep -rl trixie /etc/apt/sources.list* /var/lib/apt/lists || :"), "the system's package sources changed")
	assert.Empty(t, b.sh("find /tmp -name 'drydock-setup.*'"))

	pid := b.sh("cat /var/run/docker.pid")
	r = b.program("setup")
	require.Zero(t, r.code, r.err)
	assert.Contains(t, r.out, "nothing to do")
	assert.Empty(t, r.err)
	assert.Equal(t, pid, b.sh("cat /var/run/docker.pid"), "a working Engine was restarted")
	r = b.program("doctor")
	assert.Zero(t, r.code, r.out+r.err)

	t.Run("a killed daemon comes back", func(t *testing.T) {
		b := b.with(t)
		// Nobody reaps it, so its number stays in use and dockerd by itself would refuse
		// to start: "pid file found, ensure docker is not running".
		b.kill(pid)
		b.returns("is dead")
		b.works()
	})
	t.Run("a pid that now is somebody else's", func(t *testing.T) {
		b := b.with(t)
		b.kill(b.sh("cat /var/run/docker.pid"))
		b.sh("echo 1 >/var/run/docker.pid; echo 1 >/var/run/docker/containerd/containerd.pid")
		b.returns("pid 1 is sleep")
	})
	t.Run("a daemon that cannot start says why", func(t *testing.T) {
		b := b.with(t)
		b.kill(b.sh("cat /var/run/docker.pid"))
		b.sh(`mkdir -p /etc/docker; echo '{"storage-driver": "nosuch"}' >/etc/docker/daemon.json`)
		r := b.program("setup")
		assert.Equal(t, run.CodeFailure, r.code)
		assert.Contains(t, r.err, "dockerd ended right after its start")
		assert.Contains(t, r.err, "nosuch")
	})
}

// A fresh Debian 13: the commands that setup prints for somebody without rights do
// the same when they are pasted into a root shell.
func TestSetupOnDebian13(t *testing.T) {
	t.Parallel()
	b := newBox(t, "trixie")
	t.Run("Go from Debian's archive", func(t *testing.T) {
		const script = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh /checkout/scripts/install-go.sh 2>&1"
		b := b.with(t)
		assert.Contains(t, b.sh(script), "go version go1.26")
		assert.Contains(t, b.sh(script), "nothing to do")
		assert.Empty(t, b.sh("grep -rl backports /etc/apt || :"))
	})

	r := b.program("setup", "-inside-dry")
	require.Zero(t, r.code, r.err)
	assert.Contains(t, r.out, "docker-cli docker-compose docker-buildx")
	assert.NotContains(t, r.out, "sources.list")
	b.sh(r.out)

	r = b.program("setup") // the daemon may need a moment yet, and is waited for
	require.Zero(t, r.code, r.out+r.err)
	b.works()
	r = b.program("setup")
	require.Zero(t, r.code, r.err)
	assert.Contains(t, r.out, "nothing to do")
	assert.Len(t, b.daemons(), 1, "more than one dockerd")

	t.Run("with sudo, and outside group docker", func(t *testing.T) {
		b := b.with(t)
		b.sh("apt-get -q -y --no-install-recommends install sudo && useradd --create-home somebody && echo 'somebody ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/somebody")
		b.kill(b.sh("cat /var/run/docker.pid"))
		r := b.exec("somebody", nil, io.Discard, programArgs("setup")...)
		assert.Equal(t, run.CodeMissing, r.code)
		assert.Contains(t, r.err, "removing /var/run/docker.pid")
		assert.Contains(t, r.err, "sudo usermod -aG docker somebody")
		b.works()
		b.sh("usermod -aG docker somebody")
		r = b.exec("somebody", nil, io.Discard, programArgs("setup")...)
		assert.Zero(t, r.code, r.out+r.err)
		assert.Contains(t, r.out, "nothing to do")
	})
	t.Run("a compiler for the race detector", func(t *testing.T) {
		b := b.with(t)
		r := b.program("compiler")
		require.Zero(t, r.code, r.out+r.err)
		assert.Equal(t, "/usr/bin/gcc\n", r.out)
		b.sh("cd /tmp && echo '#include <pthread.h>\nint main(void) { return 0; }' | gcc -x c - && ./a.out")
	})
	t.Run("an SSH server that is not started", func(t *testing.T) {
		b := b.with(t)
		r := b.program("ssh-server")
		require.Zero(t, r.code, r.out+r.err)
		assert.Equal(t, "/usr/sbin/sshd\n", r.out)
		b.sh("! grep -l sshd /proc/[0-9]*/comm && ! test -e /usr/sbin/policy-rc.d && command -v ip ssh")
	})
	t.Run("a second daemon with files of its own", func(t *testing.T) {
		b := b.with(t)
		const own = "/var/lib/docker/second"
		b.sh("mkdir " + own)
		var once sync.Once
		w, _ := lines(t.Context(), func(line string) {
			if strings.Contains(line, "start the Engine") && strings.HasPrefix(line, "setup: ") {
				once.Do(func() { b.signal("TERM", "-inside=setup") })
			}
		})
		r := b.exec("root", nil, w, programArgs("setup", "-inside-own="+own)...)
		assert.Equal(t, run.CodeInterrupted, r.code, r.err)
		assert.Len(t, b.daemons(), 1, "an interrupted setup left a daemon behind")

		r = b.program("setup", "-inside-own="+own)
		assert.Zero(t, r.code, r.out+r.err)
		assert.Contains(t, r.out, "done: Docker Engine")
		assert.Contains(t, r.out, own+"/sock")
		assert.Len(t, b.daemons(), 2)
		r = b.program("setup", "-inside-own="+own)
		assert.Contains(t, r.out, "nothing to do")
		assert.Len(t, b.daemons(), 2)
	})
}

// daemons are the pids of the dockerds that live.
func (b *box) daemons() []string {
	return strings.Fields(b.sh(`for s in /proc/[0-9]*/stat; do
    read -r pid comm state _ <$s || continue
    if [ "$comm" = "(dockerd)" ] && [ "$state" != Z ]; then echo $pid; fi
done 2>/dev/null`))
}

// interrupted holds the index's lock until setup says that it waits for it, and
// sends TERM when dpkg has begun.
func interrupted(t *testing.T, b *box) {
	var holder sync.WaitGroup
	ready := make(chan struct{})
	w, _ := lines(t.Context(), func(line string) {
		if line == "locked" {
			close(ready)
		}
	})
	holder.Go(func() {
		b.exec("root", nil, w, programArgs("hold-lock", "/var/lib/apt/lists/lock")...)
	})
	<-ready

	var waited, stopped sync.Once
	var saw struct{ waiting, stopping bool }
	w, _ = lines(t.Context(), func(line string) {
		switch {
		case strings.Contains(line, "waiting for another package manager"):
			waited.Do(func() { saw.waiting = true; b.signal("TERM", "-inside=hold-lock") })
		case strings.Contains(line, "Unpacking "):
			stopped.Do(func() { b.signal("TERM", "-inside=setup") })
		case strings.Contains(line, "stopping as soon as"):
			saw.stopping = true
		}
	})
	r := b.exec("root", nil, w, programArgs("setup")...)
	holder.Wait()
	assert.Equal(t, run.CodeInterrupted, r.code, r.err)
	assert.True(t, saw.waiting, "it did not say that it waits")
	assert.True(t, saw.stopping, "it did not say that it finishes first")
	assert.Empty(t, b.sh("dpkg --audit"), "packages are half-installed")
}

// signal sends a signal to the program in one of its roles.
func (b *box) signal(name, role string) {
	b.sh("for p in /proc/[0-9]*; do if tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^/setup.test.*" + role +
		"'; then kill -" + name + " ${p#/proc/}; fi; done")
}

// kill ends a daemon the hard way, and waits until its socket is dead.
func (b *box) kill(pid string) {
	b.t.Helper()
	b.sh("kill -9 " + pid + "; while docker version >/dev/null 2>&1; do sleep 0.1; done")
}

// returns runs setup and expects it to start the daemon, and nothing else.
func (b *box) returns(why string) {
	b.t.Helper()
	r := b.program("setup")
	require.Zero(b.t, r.code, r.out+r.err)
	assert.Contains(b.t, r.err, why)
	assert.Contains(b.t, r.out, "done")
	assert.NotRegexp(b.t, regexp.MustCompile(`apt-get|Unpacking`), r.err)
}

// works proves the Engine by running a container, and the plugins by their answers.
func (b *box) works() {
	b.t.Helper()
	assert.Contains(b.t, b.sh("docker compose version --short"), "2.")
	assert.Contains(b.t, b.sh("docker buildx version"), "buildx")
	assert.Equal(b.t, "alive", b.sh(`docker image inspect probe >/dev/null 2>&1 ||
    tar -chf - /bin/echo $(ldd /bin/echo | grep -o '/[^ ]*') 2>/dev/null | docker import - probe >/dev/null
docker run --rm probe /bin/echo alive`))
}
