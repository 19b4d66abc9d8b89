package setup

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

func TestMakePlan(t *testing.T) {
	on := func(id, version string, change ...func(*Facts)) Facts {
		f := bare()
		f.System.ID, f.System.Version, f.System.Codename = id, version, ""
		for _, c := range change {
			c(&f)
		}
		return f
	}
	tests := map[string]struct {
		facts Facts
		o     Options
		want  []string // a step each: parts of its sentence or script, separated by |
	}{
		"everything is there": {facts: ready()},
		"a fresh Debian 12": {facts: on("debian", "12"), want: []string{
			"apt-get update",
			"docker.io iptables ca-certificates mmdebstrap",
			"Debian 13's archive at http://deb.debian.org/debian|docker-compose docker-buildx",
			"start the Engine, detached",
		}},
		"a fresh Debian 13": {facts: on("debian", "13"), want: []string{
			"apt-get update",
			"docker.io iptables ca-certificates docker-cli docker-compose docker-buildx mmdebstrap",
			"start the Engine, detached",
		}},
		"Ubuntu 22.04": {facts: on("ubuntu", "22.04"), want: []string{
			"apt-get update",
			"docker.io iptables ca-certificates docker-compose-v2 docker-buildx mmdebstrap debian-archive-keyring",
			"start the Engine, detached",
		}},
		"Ubuntu 24.04 with systemd": {facts: on("ubuntu", "24.04", func(f *Facts) { f.System.Systemd = true }), want: []string{
			"apt-get update", "docker.io", "systemctl enable --now docker",
		}},
		"BASE=registry needs no mmdebstrap": {facts: on("debian", "13"), o: Options{Base: "registry"}, want: []string{
			"apt-get update", "docker-compose docker-buildx", "start",
		}},
		"an index that knows the packages": {facts: on("debian", "12", func(f *Facts) {
			f.Apt.Candidates, f.Apt.IndexAge = ready().Apt.Candidates, maxIndexAge/2
		}), want: []string{"docker.io", "Debian 13's archive", "start"}},
		"dpkg was interrupted": {facts: on("debian", "13", func(f *Facts) { f.Apt.Interrupted = true }), want: []string{
			"dpkg --configure -a", "apt-get update", "docker.io", "start",
		}},
		"no control groups": {facts: on("debian", "13", func(f *Facts) {
			f.Cgroups = CgroupFact{V1: []string{"memory", "devices"}}
		}), want: []string{"/sys/fs/cgroup|for c in memory devices;", "apt-get update", "docker.io", "start"}},
		"control groups of the second kind": {facts: on("debian", "13", func(f *Facts) {
			f.Cgroups = CgroupFact{Kernel2: true}
		}), want: []string{"mount -t cgroup2", "apt-get update", "docker.io", "start"}},
		"another mirror": {facts: on("debian", "12"), o: Options{DebianMirror: "https://mirror.example/debian/"}, want: []string{
			"apt-get update", "docker.io", "https://mirror.example/debian trixie main", "start",
		}},
		"a working Engine without plugins": {facts: func() Facts {
			f := ready()
			f.Compose, f.Buildx = Tool{}, Tool{}
			return f
		}(), want: []string{"docker-compose docker-buildx"}},
		"compose 1.29 does not count": {facts: func() Facts {
			f := ready()
			f.Compose = Tool{}
			f.Apt.Installed["docker-compose"] = "1.29.2-3"
			return f
		}(), want: []string{"Debian 13's archive|docker-compose"}},
		"docker-ce keeps its own plugins": {facts: func() Facts {
			f := ready()
			f.Compose = Tool{}
			f.Apt.Installed["docker-ce"] = "5:28.0"
			f.Apt.Candidates["docker-compose-plugin"] = "2.40"
			return f
		}(), want: []string{"system's own package sources: docker-compose-plugin"}},
		"a remote engine needs no local one": {facts: on("debian", "12", func(f *Facts) {
			f.Engine = EngineFact{State: EngineAnswers, Host: "ssh://h", Version: "28.0", API: "1.48"}
			f.Tools["mmdebstrap"] = Tool{Path: "/usr/bin/mmdebstrap"}
		}), want: []string{"Debian 13's archive|docker-cli docker-compose docker-buildx"}},
		"a remote engine that is down is not ours": {facts: func() Facts {
			f := ready()
			f.Engine = EngineFact{State: EngineAbsent, Host: "tcp://h:2376", Err: "refused"}
			return f
		}()},
		"a dead daemon is only started": {facts: func() Facts {
			f := ready()
			f.Engine.State = EngineAbsent
			f.Daemon = DaemonFact{Installed: true, PID: 7, Stale: true, Found: "is dead"}
			return f
		}(), want: []string{"remove what a dead dockerd left|rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid"}},
		"a running daemon is waited for": {facts: func() Facts {
			f := ready()
			f.Engine.State = EngineAbsent
			return f
		}(), want: []string{"wait for the dockerd that is running (pid 42)"}},
		"a socket of root's is no reason to install": {facts: func() Facts {
			f := ready()
			f.Engine.State, f.User = EngineDenied, User{Name: "ann"}
			return f
		}()},
		"a user needs newuidmap for mmdebstrap": {facts: on("debian", "13", func(f *Facts) { f.User = User{Name: "ann", Sudo: true} }), want: []string{
			"apt-get update", "mmdebstrap uidmap", "start",
		}},
		"elsewhere a dead daemon can be started": {facts: on("fedora", "42", func(f *Facts) {
			r := ready()
			f.CLI, f.Compose, f.Buildx, f.Tools = r.CLI, r.Compose, r.Buildx, r.Tools
			f.Daemon.Installed, f.System.Systemd, f.System.Unit, f.Apt.Present = true, true, true, false
		}), want: []string{"systemctl enable --now docker"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := MakePlan(tt.facts, tt.o)
			require.NoError(t, err)
			require.Len(t, p.Steps, len(tt.want), p.String())
			for i, want := range tt.want {
				for part := range strings.SplitSeq(want, "|") {
					assert.Contains(t, p.Steps[i].What+"\n"+p.Steps[i].Script, part)
				}
			}
			syntax(t, p)
		})
	}
}

// syntax has sh read every script, without running it.
func syntax(t *testing.T, p Plan) {
	t.Helper()
	scripts := []string{p.Script()}
	for _, s := range p.Steps {
		scripts = append(scripts, shell(Options{Environ: []string{"http_proxy=http://u:p'w@h:1"}}, s.Script))
	}
	for _, script := range scripts {
		c := exec.Command("sh", "-n")
		c.Stdin = strings.NewReader(script)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s\n%s", out, script)
	}
}

func TestMakePlanElsewhere(t *testing.T) {
	for name, tt := range map[string]struct {
		system System
		how    string
	}{
		"fedora":   {System{OS: "linux", ID: "fedora", Version: "42", Name: "Fedora 42"}, "dnf install"},
		"rocky":    {System{OS: "linux", ID: "rocky", IDLike: "rhel centos fedora"}, "install/rhel"},
		"alpine":   {System{OS: "linux", ID: "alpine"}, "apk add"},
		"arch":     {System{OS: "linux", ID: "manjaro", IDLike: "arch"}, "pacman"},
		"macos":    {System{OS: "darwin"}, "colima"},
		"debian11": {System{OS: "linux", ID: "debian", Version: "11"}, "docs.docker.com"},
	} {
		t.Run(name, func(t *testing.T) {
			f := bare()
			f.System = tt.system
			_, err := MakePlan(f, Options{})
			var e *UnsupportedError
			require.True(t, errors.As(err, &e), err)
			assert.Equal(t, run.CodeMissing, run.Code(err))
			for _, want := range []string{nameEngine, nameCLI, nameCompose, nameBuildx, tt.how} {
				assert.Contains(t, err.Error(), want)
			}
		})
	}
}

func TestPlanIsReadable(t *testing.T) {
	p, err := MakePlan(bare(), Options{})
	require.NoError(t, err)
	assert.Equal(t, ` 1. fetch the package index: apt-get update
 2. install from the system's own package sources: docker.io iptables ca-certificates mmdebstrap
 3. install from Debian 13's archive at http://deb.debian.org/debian, verified, leaving the system's sources alone: docker-compose docker-buildx
 4. start the Engine, detached: dockerd, log in /var/log/docker.log
`, p.String())
	assert.Contains(t, (&NeedRootError{Plan: p}).Error(), "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main")
}

func TestQuote(t *testing.T) {
	for _, word := range []string{"", "plain", "two words", "it's", "$HOME", "a\nb", `\`, `"`, "`id`", "日本"} {
		out, err := exec.Command("sh", "-c", "printf %s "+quote(word)).Output()
		require.NoError(t, err)
		assert.Equal(t, word, string(out))
	}
}
