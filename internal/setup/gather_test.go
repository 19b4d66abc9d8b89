package setup

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

func TestReadOSRelease(t *testing.T) {
	var s System
	s.readOSRelease("PRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n# x\n")
	assert.Equal(t, System{Name: "Ubuntu 24.04.1 LTS", Version: "24.04", Codename: "noble", ID: "ubuntu", IDLike: "debian"}, s)
}

func TestPickMirror(t *testing.T) {
	s := System{ID: "debian", Codename: "bookworm"}
	for name, tt := range map[string]struct{ text, want string }{
		"plain":         {"http://deb.debian.org/debian/ bookworm main\n", "http://deb.debian.org/debian"},
		"others first":  {"https://apt.releases.hashicorp.com bookworm main\nhttps://download.docker.com/linux/debian bookworm stable\nhttp://m.example/debian bookworm main\n", "http://m.example/debian"},
		"security only": {"http://deb.debian.org/debian-security bookworm-security main\n", ""},
		"cloud image":   {"mirror+file:/etc/apt/mirrors/debian.list bookworm main\n", "mirror+file:/etc/apt/mirrors/debian.list"},
		"by role":       {"http://m.example/debian oldstable main\n", "http://m.example/debian"},
		"nothing":       {"", ""},
	} {
		assert.Equal(t, tt.want, pickMirror(tt.text, s), name)
	}
	assert.Empty(t, pickMirror("http://archive.ubuntu.com/ubuntu/ noble main", System{ID: "ubuntu", Codename: "noble"}))
}

func TestReadPolicy(t *testing.T) {
	got := readPolicy("docker.io:\n  Installed: (none)\n  Candidate: 20.10.24+dfsg1\n  Version table:\n     20.10.24+dfsg1 500\nuidmap:\n  Installed: (none)\n  Candidate: (none)\n")
	assert.Equal(t, map[string]string{"docker.io": "20.10.24+dfsg1"}, got)
}

func TestReadInstalled(t *testing.T) {
	var a AptFact
	a.readInstalled("installed docker.io 20.10\nconfig-files iptables 1.8\ninstalled bash 5.2\n", packageNames())
	assert.Equal(t, map[string]string{"docker.io": "20.10"}, a.Installed)
	assert.False(t, a.Interrupted)
	a.readInstalled("half-configured bash 5.2\n", nil)
	assert.True(t, a.Interrupted)
}

func TestIndexAge(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	assert.Equal(t, NoIndex, indexAge(dir, now))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "m_InRelease"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "partial"), 0o700))
	hour := now.Add(-time.Hour)
	require.NoError(t, os.Chtimes(dir, hour.Add(-time.Hour), hour.Add(-time.Hour)))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "partial"), hour, hour))
	assert.InDelta(t, time.Hour, indexAge(dir, now), float64(time.Second))
}

func TestCgroups(t *testing.T) {
	controllers := "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t%d\t1\t1\npids\t0\t1\t1\ncpu\t0\t1\t0\nrdma\t0\t1\t1\n"
	for name, tt := range map[string]struct {
		mounts string
		bound  int
		want   CgroupFact
	}{
		"version 2":      {"cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n", 0, CgroupFact{Mounted: true, V2: true, Kernel2: true, V1: []string{"memory", "pids"}}},
		"version 1":      {"tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/devices cgroup rw,devices 0 0\n", 4, CgroupFact{Mounted: true, V1: []string{"memory", "pids"}}},
		"only the frame": {"tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n", 4, CgroupFact{V1: []string{"memory", "pids"}}},
		"nothing":        {"proc /proc proc rw 0 0\n", 0, CgroupFact{Kernel2: true, V1: []string{"memory", "pids"}}},
	} {
		var g CgroupFact
		g.readMounts(tt.mounts)
		g.readControllers(fmt.Sprintf(controllers, tt.bound), "nodev\tcgroup\nnodev\tcgroup2\n")
		assert.Equal(t, tt.want, g, name)
	}
}

func TestParseStat(t *testing.T) {
	comm, state := parseStat("42 (a) b) Z 1 42 42 0")
	assert.Equal(t, "a) b", comm)
	assert.Equal(t, "Z", state)
}

// A pid file may name a living process that is not dockerd, a dead one, or one that
// is dead and was not yet waited for.
func TestLookDaemon(t *testing.T) {
	dir := t.TempDir()
	d := Daemon{Socket: "x", PIDFile: filepath.Join(dir, "pid"), ExecRoot: dir}
	assert.Equal(t, DaemonFact{}, lookDaemon(d))

	write := func(text string) DaemonFact {
		require.NoError(t, os.WriteFile(d.PIDFile, []byte(text), 0o600))
		return lookDaemon(d)
	}
	f := write(itoa(os.Getpid()))
	assert.True(t, f.Stale)
	assert.False(t, f.Alive)
	assert.Equal(t, "is setup.test", f.Found)

	f = write("")
	assert.True(t, f.Stale)

	zombie := exec.Command("true")
	out, err := zombie.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, zombie.Start())
	_, err = out.Read(make([]byte, 1)) // the end of its output is the end of it
	require.Error(t, err)
	require.Eventually(t, func() bool { return write(itoa(zombie.Process.Pid)).Found == "is dead" }, 5*time.Second, time.Millisecond)
	assert.True(t, lookDaemon(d).Stale)
	_ = zombie.Wait()
	assert.Equal(t, "is dead", lookDaemon(d).Found)

	require.NoError(t, os.Mkdir(filepath.Join(dir, "containerd"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "containerd", "containerd.pid"), []byte("1"), 0o600))
	assert.True(t, lookDaemon(d).Leftover)
}

func TestReadListeners(t *testing.T) {
	l := readListeners("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n" +
		"   1: 0100007F:1F91 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n" +
		"   2: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4713 1\n")
	require.Len(t, l, 2)
	assert.Equal(t, "127.0.0.1:8080", l[0].addr.String())
	assert.Equal(t, "4711", l[0].inode)
	assert.Equal(t, "[::1]:22", l[1].addr.String())
}

func TestLookPortsNamesTheHolder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	look := func(bind string) PortFact {
		return lookPorts(t.Context(), Options{Ports: []Port{{Number: port, Bind: bind}}}, EngineFact{Local: true})[0]
	}
	assert.False(t, look("").Free)
	assert.Contains(t, look("127.0.0.1").By, "setup.test (pid "+itoa(os.Getpid())+")")
	assert.True(t, look("127.0.0.2").Free)
}

func TestLockHolder(t *testing.T) {
	err := func(lines ...string) error { return fmt.Errorf("x: %w", &run.Error{Code: 100, Tail: lines}) }
	pid, who, locked := lockHolder(err("E: Could not get lock /var/lib/apt/lists/lock. It is held by process 206 (python3)", "E: Unable to lock directory /var/lib/apt/lists/"))
	assert.True(t, locked)
	assert.Equal(t, 206, pid)
	assert.Equal(t, "python3, process 206", who)
	_, _, locked = lockHolder(err("dpkg: error: dpkg frontend lock was locked by another process with pid 7"))
	assert.True(t, locked)
	_, _, locked = lockHolder(err("E: Unable to locate package docker.io"))
	assert.False(t, locked)
	_, _, locked = lockHolder(nil)
	assert.False(t, locked)
	assert.True(t, moved(err("E: Failed to fetch http://x/y.deb  404  Not Found [IP: 1.2.3.4 80]")))
	assert.False(t, moved(errors.New("404")))
}

// The script arrives whole, the environment as it is, and what a command reads from
// standard input is not the rest of the script.
func TestShell(t *testing.T) {
	script := shell(Options{Environ: []string{"https_proxy=http://u:p'$w@proxy:1", "SECRET=x"}},
		"cat\nif [ -n \"${SECRET:-}\" ]; then echo leaked; fi\nprintf %s \"$https_proxy\"\n")
	c := exec.Command("sh", "-eu", "-s")
	c.Env = []string{"PATH=/usr/bin:/bin"}
	c.Stdin = strings.NewReader(script)
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, "http://u:p'$w@proxy:1", string(out))
}

func TestPluginVersion(t *testing.T) {
	assert.Equal(t, "2.26.1", pluginVersion(`{"SchemaVersion":"0.1.0","Vendor":"Docker Inc.","Version":"v2.26.1","ShortDescription":"Docker Compose"}`))
	assert.Empty(t, pluginVersion("{}"))
}

func TestCorrectDenied(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Facts)
		want   EngineState
	}{
		"a daemon lives":        {func(f *Facts) { f.Daemon = DaemonFact{PID: 1, Alive: true} }, EngineDenied},
		"its socket is a relic": {func(f *Facts) { f.Daemon = DaemonFact{PID: 1, Stale: true} }, EngineAbsent},
		"nobody knows":          {func(f *Facts) { f.Daemon = DaemonFact{} }, EngineDenied},
		"systemd listens":       {func(f *Facts) { f.Daemon = DaemonFact{Stale: true}; f.System.Systemd = true }, EngineDenied},
	} {
		f := ready()
		f.Engine.State = EngineDenied
		tt.change(&f)
		f.correctDenied()
		assert.Equal(t, tt.want, f.Engine.State, name)
	}
}
