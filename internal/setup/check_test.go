package setup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ready is a Debian 12 machine that has everything.
func ready() Facts {
	return Facts{
		System: System{OS: "linux", ID: "debian", Version: "12", Codename: "bookworm", Name: "Debian GNU/Linux 12 (bookworm)"},
		User:   User{Name: "root", Root: true},
		Go:     GoFact{Tool: Tool{Path: "/usr/local/go/bin/go", Version: "go1.26.8"}, Want: "go1.26.0"},
		Git:    Tool{Path: "/usr/bin/git", Version: "2.39.5"},
		Engine: EngineFact{State: EngineAnswers, Host: "unix:///var/run/docker.sock", Local: true,
			Name: "vm", Version: "20.10.24+dfsg1", API: "1.41", DataRoot: "/var/lib/docker"},
		CLI:     Tool{Path: "/usr/bin/docker", Version: "20.10.24"},
		Compose: Tool{Path: "/usr/libexec/docker/cli-plugins/docker-compose", Version: "2.26.1"},
		Buildx:  Tool{Path: "/usr/libexec/docker/cli-plugins/docker-buildx", Version: "0.13.1"},
		Tools: map[string]Tool{
			"iptables":   {Path: "/usr/sbin/iptables", Version: "1.8.9"},
			"mmdebstrap": {Path: "/usr/bin/mmdebstrap", Version: "1.3.5"},
			"chromium":   {Path: "/usr/bin/chromium"},
			"compiler":   {Path: "/usr/bin/gcc"},
		},
		Apt: AptFact{Present: true, Arch: "amd64", IndexAge: time.Hour, Mirror: "http://deb.debian.org/debian",
			Installed:  map[string]string{"docker.io": "20.10.24"},
			Candidates: map[string]string{"docker.io": "20.10.24", "iptables": "1.8.9", "ca-certificates": "2023", "mmdebstrap": "1.3.5"}},
		Daemon:  DaemonFact{PID: 42, Alive: true, Installed: true},
		Cgroups: CgroupFact{Mounted: true, V2: true},
		Disk:    DiskFact{Path: "/var/lib/docker", Free: 80 << 30},
		Memory:  16 << 30,
		Now:     time.Date(2026, time.November, 25, 12, 0, 0, 0, time.UTC),
	}
}

// bare is the same machine before anything was installed.
func bare() Facts {
	f := ready()
	f.Engine = EngineFact{State: EngineAbsent, Host: "unix:///var/run/docker.sock", Local: true, Err: "there is no socket"}
	f.CLI, f.Compose, f.Buildx = Tool{}, Tool{}, Tool{}
	f.Tools = map[string]Tool{}
	f.Apt.Installed, f.Apt.Candidates, f.Apt.IndexAge = map[string]string{}, map[string]string{}, NoIndex
	f.Daemon = DaemonFact{}
	return f
}

func checkOf(t *testing.T, f Facts, o Options, name string) Check {
	t.Helper()
	for _, c := range Inspect(f, o) {
		if c.Name == name {
			return c
		}
	}
	require.Failf(t, "no check", "%s is not among %v", name, Inspect(f, o))
	return Check{}
}

func TestInspectReady(t *testing.T) {
	for _, c := range Inspect(ready(), Options{}) {
		assert.Equal(t, OK, c.Status, c)
		assert.Empty(t, c.Fix, c)
	}
}

func TestInspect(t *testing.T) {
	tests := map[string]struct {
		change func(*Facts, *Options)
		check  string
		status Status
		blocks bool
		found  string
		fix    string
	}{
		"go is missing":  {func(f *Facts, _ *Options) { f.Go.Path = "" }, nameGo, Missing, true, "no go", "https://go.dev/dl/"},
		"go is too old":  {func(f *Facts, _ *Options) { f.Go.Version = "go1.22.3" }, nameGo, Broken, true, "go1.22.3, go.mod wants go1.26.0", "1.26.0"},
		"go is newer":    {func(f *Facts, _ *Options) { f.Go.Version = "go1.27rc1" }, nameGo, OK, false, "go1.27rc1", ""},
		"git is missing": {func(f *Facts, _ *Options) { f.Git = Tool{} }, nameGit, Missing, false, "content of the checkout", "git"},
		"engine absent": {func(f *Facts, _ *Options) { *f = bare() }, nameEngine, Missing, true,
			"nothing answers on unix:///var/run/docker.sock", "go tool mage setup"},
		"engine installed, not running": {func(f *Facts, _ *Options) { f.Engine.State = EngineAbsent; f.Daemon = DaemonFact{Installed: true} },
			nameEngine, Broken, true, "not running", "setup starts it"},
		"stale pid file": {func(f *Facts, _ *Options) {
			f.Engine.State = EngineAbsent
			f.Daemon = DaemonFact{Installed: true, PID: 7, Stale: true, Found: "is sshd"}
		}, nameEngine, Broken, true, "/var/run/docker.pid is left over (pid 7 is sshd)", "setup starts it"},
		"daemon hangs": {func(f *Facts, _ *Options) { f.Engine.State = EngineAbsent }, nameEngine, Broken, true,
			"dockerd runs (pid 42) but does not answer", "/var/log/docker.log"},
		"engine too old":   {func(f *Facts, _ *Options) { f.Engine.Version, f.Engine.API = "19.03.15", "1.40" }, nameEngine, Broken, true, "too old", "20.10"},
		"engine is newest": {func(f *Facts, _ *Options) { f.Engine.Version, f.Engine.API = "29.1.0", "1.51" }, nameEngine, OK, false, "29.1.0", ""},
		"socket denied": {func(f *Facts, _ *Options) { f.Engine.State = EngineDenied; f.User = User{Name: "ann"} }, nameEngine, Broken, true,
			"ann may not use it", "usermod -aG docker ann"},
		"remote engine down": {func(f *Facts, _ *Options) {
			f.Engine = EngineFact{State: EngineAbsent, Host: "ssh://h", Err: "ssh: connect refused"}
		}, nameEngine, Broken, true, "ssh: connect refused", "DOCKER_HOST"},
		"podman":              {func(f *Facts, _ *Options) { f.CLI.Err = "this docker is podman" }, nameCLI, Broken, true, "podman", "setup"},
		"compose too old":     {func(f *Facts, _ *Options) { f.Compose.Version = "2.5.0" }, nameCompose, Broken, true, "2.5.0 is too old, 2.24.4", "setup"},
		"compose from source": {func(f *Facts, _ *Options) { f.Compose.Version = "" }, nameCompose, OK, false, "cli-plugins", ""},
		"buildx missing":      {func(f *Facts, _ *Options) { f.Buildx = Tool{} }, nameBuildx, Missing, true, "not found", "setup"},
		"mmdebstrap, auto":    {func(f *Facts, _ *Options) { delete(f.Tools, "mmdebstrap") }, nameStrap, Missing, false, "not found", "no container registry"},
		"mmdebstrap, BASE":    {func(f *Facts, o *Options) { delete(f.Tools, "mmdebstrap"); o.Base = "debian" }, nameStrap, Missing, true, "not found", "setup"},
		"disk full":           {func(f *Facts, _ *Options) { f.Disk.Free = 1 << 30 }, nameDisk, Broken, true, "1GiB free in /var/lib/docker", "image:prune"},
		"disk low":            {func(f *Facts, _ *Options) { f.Disk.Free = 6 << 30 }, nameDisk, OK, false, "getting low", ""},
		"little memory":       {func(f *Facts, _ *Options) { f.Memory = 1 << 30 }, nameMemory, Broken, false, "1GiB", "swap"},
		"clock in the past":   {func(f *Facts, _ *Options) { f.Now = time.Unix(0, 0) }, nameClock, Broken, true, "1970", "set-ntp"},
		"engine's clock is off": {func(f *Facts, _ *Options) {
			f.Engine.Asked, f.Engine.Time = f.Now, f.Now.Add(-5*time.Minute)
		}, nameClock, Broken, true, "differs by 5m0s", "set-ntp"},
		"port taken": {func(f *Facts, _ *Options) {
			f.Ports = []PortFact{{Port: Port{Number: 8080, Setting: "HTTP_PORT"}, By: "nginx (pid 9)"}}
		}, namePorts, Broken, true, "8080 is taken by nginx (pid 9)", "another HTTP_PORT"},
		"port is ours": {func(f *Facts, _ *Options) {
			f.Ports = []PortFact{{Port: Port{Number: 8080}, Ours: true}, {Port: Port{Number: 5432}, Free: true}}
		}, namePorts, OK, false, "8080 (this project's), 5432 free", ""},
		"no browser":            {func(f *Facts, _ *Options) { delete(f.Tools, "chromium") }, nameBrowser, Missing, false, "browser tests", "test:e2e"},
		"no browser, for tests": {func(f *Facts, o *Options) { delete(f.Tools, "chromium"); o.Browser = true }, nameBrowser, Missing, true, "browser tests", "test:e2e"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, o := ready(), Options{}
			tt.change(&f, &o)
			c := checkOf(t, f, o, tt.check)
			assert.Equal(t, tt.status, c.Status)
			assert.Equal(t, tt.blocks, c.Blocks())
			assert.Contains(t, c.Found, tt.found)
			assert.Contains(t, c.Fix, tt.fix)
		})
	}
}

// What does not concern a machine is not asked of it.
func TestInspectLeavesOut(t *testing.T) {
	f := ready()
	f.Engine.Host, f.Engine.Local, f.Disk = "ssh://elsewhere", false, DiskFact{}
	for _, c := range Inspect(f, Options{Base: "registry"}) {
		assert.NotContains(t, []string{nameIptables, nameDisk, nameStrap, namePorts}, c.Name)
	}
}

func TestOlder(t *testing.T) {
	for _, tt := range []struct {
		version, than string
		want          bool
	}{
		{"20.10.24+dfsg1", "20.10", false},
		{"19.03.15", "20.10", true},
		{"20.9", "20.10", true},
		{"v2.26.1", "2.20", false},
		{"2.2.0-rc.1", "2.20", true},
		{"Docker version 28.5.2, build abc", "20.10", false},
		{"github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3", "0.10", false},
		{"dev", "2.20", false},
		{"1.29.2-3", "2.0", true},
		{"", "2.0", false},
	} {
		assert.Equal(t, tt.want, older(tt.version, tt.than), "%q older than %q", tt.version, tt.than)
	}
}
