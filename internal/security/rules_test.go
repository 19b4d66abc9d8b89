package security

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
)

// safe is a container that breaks no rule. It is the good example of every rule about
// containers; a bad one differs from it in one thing.
func safe() engine.Confinement {
	return engine.Confinement{
		Container: engine.Container{
			ID: "c1", Name: "p-db-1", Image: "drydock/postgres:abc", ImageID: "sha256:1", State: engine.Running, User: "999:999", ReadOnly: true,
			Restart: "no", Env: []string{"DB_PASSWORD_FILE=/run/secrets/db_password", "TOKEN="},
			Labels:   map[string]string{"com.docker.compose.service": "db"},
			Mounts:   []engine.Mount{{Type: "volume", Name: "p-db", Target: "/var/lib/postgresql/data"}},
			Networks: []engine.Endpoint{{Network: "p-data", ID: "n1"}},
		},
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"}, AppArmor: "docker-default", NetworkMode: "p-data", IpcMode: "private",
		Memory: 1 << 28, Pids: 100, CPUShares: 512, LogDriver: "json-file", LogOptions: map[string]string{"max-size": "10m"}, HasCheck: true,
		Processes: []engine.Process{{UID: "999", Args: "postgres --config-file=/etc/x"}},
	}
}

const goodFile = `# syntax of our own
ARG BASE=debian:13.1-slim
FROM drydock/toolchain-go AS build
RUN --mount=type=secret,id=net apt-get update && apt-get install -y --no-install-recommends git
ADD --checksum=sha256:abc https://example.com/x /x
FROM ${BASE} AS prod
COPY --from=build /x /x
ENV PASSWORD_FILE=/run/secrets/password PATH=/bin
RUN curl -fsS https://example.com/x -o x && chmod 0755 x
HEALTHCHECK CMD ["x"]
USER 10001:10001
CMD ["x"]
`

func facts(c engine.Confinement, dockerfile string) Facts {
	return Facts{
		Mode: env.Prod, Containers: []engine.Confinement{c},
		Images:   map[string]Image{"sha256:1": {Image: engine.Image{User: "999", HasCheck: true, Env: []string{"PATH=/bin"}}, History: []engine.Layer{{CreatedBy: `RUN |1 V=1 /bin/sh -c x`}}}},
		Networks: map[string]engine.Network{"p-data": {ID: "n1", Internal: true}, "p-edge": {ID: "n2"}},
		Daemon: engine.Daemon{Info: engine.Info{SecurityOptions: []string{"name=apparmor", "name=seccomp,profile=default", "name=userns", "name=no-new-privileges", "name=rootless"},
			StorageDriver: "overlay2", LoggingDriver: "journald", Swarm: "inactive"}, LiveRestore: true, Authorization: []string{"x"}},
		Dockerfiles: []Dockerfile{ParseDockerfile("x/Dockerfile", dockerfile)},
	}
}

func TestTheGoodExamplePassesEveryRule(t *testing.T) {
	for _, r := range Rules() {
		assert.Empty(t, r.Check(facts(safe(), goodFile)), r.ID)
	}
}

type bad struct {
	rule, where, what string
	container         func(*engine.Confinement)
	facts             func(*Facts)
	file              string
}

func TestEachRuleSeesItsFault(t *testing.T) {
	mount := func(m engine.Mount) func(*engine.Confinement) {
		return func(c *engine.Confinement) { c.Mounts = append(c.Mounts, m) }
	}
	port := func(p engine.Port) func(*engine.Confinement) {
		return func(c *engine.Confinement) { c.Ports = []engine.Port{p} }
	}
	image := func(change func(*Image)) func(*Facts) {
		return func(f *Facts) { i := f.Images["sha256:1"]; change(&i); f.Images["sha256:1"] = i }
	}
	daemon := func(change func(*engine.Daemon)) func(*Facts) {
		return func(f *Facts) { change(&f.Daemon) }
	}
	const tail = "\nHEALTHCHECK CMD [\"x\"]\nUSER 1\n"
	cases := []bad{
		{rule: "CIS-4.1", what: `user "0:0"`, container: func(c *engine.Confinement) { c.User = "0:0" }},
		{rule: "CIS-4.1", what: `user ""`, container: func(c *engine.Confinement) { c.User = "" }, facts: image(func(i *Image) { i.User = "" })},
		{rule: "CIS-4.1", what: "/sbin/x", container: func(c *engine.Confinement) {
			c.Processes = append(c.Processes, engine.Process{UID: "0", Args: "/sbin/x --token=abc"})
		}},
		{rule: "CIS-4.6", what: "HEALTHCHECK", facts: image(func(i *Image) { i.HasCheck = false })},
		{rule: "CIS-4.10", what: "API_KEY", facts: image(func(i *Image) { i.Env = []string{"API_KEY=abc"} })},
		{rule: "CIS-4.10", what: "TOKEN", facts: image(func(i *Image) { i.History = []engine.Layer{{CreatedBy: `RUN |1 TOKEN=abc /bin/sh -c make`}} })},
		{rule: "CIS-5.28", what: ":latest", container: func(c *engine.Confinement) { c.Image = "localhost:5000/x:latest" }},
		{rule: "CIS-5.28", what: "localhost:5000/x", container: func(c *engine.Confinement) { c.Image = "localhost:5000/x" }},
		{rule: "CIS-5.2", what: "AppArmor", container: func(c *engine.Confinement) { c.AppArmor = "unconfined" }},
		{rule: "CIS-5.2", what: "unconfined", container: func(c *engine.Confinement) { c.SecurityOpt = append(c.SecurityOpt, "apparmor=unconfined") }},
		{rule: "CIS-5.3", what: "disable", container: func(c *engine.Confinement) { c.SecurityOpt = append(c.SecurityOpt, "label:disable") }},
		{rule: "CIS-5.4", what: "SYS_ADMIN", container: func(c *engine.Confinement) { c.CapAdd = []string{"SYS_ADMIN"} }},
		{rule: "CIS-5.4", what: "default", container: func(c *engine.Confinement) { c.CapDrop = []string{"NET_RAW"} }},
		{rule: "CIS-5.5", what: "privileged", container: func(c *engine.Confinement) { c.Privileged = true }},
		{rule: "CIS-5.6", what: "/etc", container: mount(engine.Mount{Type: "bind", Name: "/etc/ssl", Target: "/x"})},
		{rule: "CIS-5.6", what: "whole machine", container: mount(engine.Mount{Type: "bind", Name: "/", Target: "/x", ReadOnly: true})},
		{rule: "CIS-5.7", what: "sshd", container: func(c *engine.Confinement) {
			c.Processes = append(c.Processes, engine.Process{UID: "9", Args: "sshd: /usr/sbin/sshd -D"})
		}},
		{rule: "CIS-5.8", what: "22", container: port(engine.Port{Container: 8080, HostIP: "127.0.0.1", Host: 22})},
		{rule: "CIS-5.9", what: "5432", container: port(engine.Port{Container: 5432, HostIP: "127.0.0.1", Host: 5432})},
		{rule: "CIS-5.10", what: "network", container: func(c *engine.Confinement) { c.NetworkMode = "host" }},
		{rule: "CIS-5.11", what: "memory", container: func(c *engine.Confinement) { c.Memory = 0 }},
		{rule: "CIS-5.12", what: "share", container: func(c *engine.Confinement) { c.CPUShares = 0 }},
		{rule: "CIS-5.13", what: "root file system", container: func(c *engine.Confinement) { c.ReadOnly = false }},
		{rule: "CIS-5.14", what: "every address", container: port(engine.Port{Container: 8080, HostIP: "::", Host: 8080})},
		{rule: "CIS-5.15", what: "always", container: func(c *engine.Confinement) { c.Restart = "always" }},
		{rule: "CIS-5.15", what: "on-failure", container: func(c *engine.Confinement) { c.Restart, c.RestartLimit = "on-failure", 6 }},
		{rule: "CIS-5.16", what: "processes", container: func(c *engine.Confinement) { c.PidMode = "host" }},
		{rule: "CIS-5.17", what: "IPC", container: func(c *engine.Confinement) { c.IpcMode = "host" }},
		{rule: "CIS-5.18", what: "/dev/sda", container: func(c *engine.Confinement) { c.Devices = []string{"/dev/sda"} }},
		{rule: "CIS-5.20", what: "rshared", container: func(c *engine.Confinement) { c.Propagation = map[string]string{"/data": "rshared"} }},
		{rule: "CIS-5.21", what: "host name", container: func(c *engine.Confinement) { c.UTSMode = "host" }},
		{rule: "CIS-5.22", what: "seccomp", container: func(c *engine.Confinement) { c.SecurityOpt = append(c.SecurityOpt, "seccomp=unconfined") }},
		{rule: "CIS-5.25", what: "/else", container: func(c *engine.Confinement) { c.CgroupParent = "/else" }},
		{rule: "CIS-5.26", what: "off", container: func(c *engine.Confinement) { c.SecurityOpt = []string{"no-new-privileges:false"} }},
		{rule: "CIS-5.27", what: "no health check", container: func(c *engine.Confinement) { c.HasCheck = false }},
		{rule: "CIS-5.29", what: "no limit", container: func(c *engine.Confinement) { c.Pids = 0 }},
		{rule: "CIS-5.30", what: "bridge", container: func(c *engine.Confinement) { c.NetworkMode = "default" }},
		{rule: "CIS-5.30", what: "bridge", container: func(c *engine.Confinement) { c.Networks = append(c.Networks, engine.Endpoint{Network: "bridge"}) }},
		{rule: "CIS-5.31", what: "namespace", container: func(c *engine.Confinement) { c.UsernsMode = "host" }},
		{rule: "CIS-5.32", what: "docker.sock", container: mount(engine.Mount{Type: "bind", Name: "/run/user/1000/docker.sock", Target: "/x", ReadOnly: true})},
		{rule: "compose-secrets", what: "DB_PASSWORD", container: func(c *engine.Confinement) { c.Env = []string{"DB_PASSWORD=abc"} }},
		{rule: "compose-secrets", what: "DATABASE_URL", container: func(c *engine.Confinement) { c.Env = []string{"DATABASE_URL=postgres://u:p@db/x"} }},
		{rule: "compose-arguments", what: "PASSWORD", container: func(c *engine.Confinement) { c.Processes[0].Args = "/bin/x --PASSWORD=abc" }},
		{rule: "compose-arguments", what: "api_key", container: func(c *engine.Confinement) { c.Processes[0].Args = "/bin/x --api-key=abc" }},
		{rule: "compose-logs", what: "max-size", container: func(c *engine.Confinement) { c.LogOptions = nil }},
		{rule: "compose-data-network", what: "p-edge", container: func(c *engine.Confinement) {
			c.Networks = append(c.Networks, engine.Endpoint{Network: "p-edge", ID: "n2"})
		}},
		{rule: "compose-entrance", where: "gateway", what: "p-data", facts: func(f *Facts) {
			gateway := safe()
			gateway.Labels = map[string]string{"com.docker.compose.service": "gateway"}
			f.Containers = append(f.Containers, gateway)
		}},
		{rule: "compose-binds", what: "/srv", container: mount(engine.Mount{Type: "bind", Name: "/srv", Target: "/x"})},

		{rule: "CIS-4.1-file", where: "x/Dockerfile:2", what: "root", file: "FROM a:1\nUSER root\nHEALTHCHECK CMD x\n"},
		{rule: "CIS-4.1-file", where: "x/Dockerfile:3", what: `user ""`, file: "FROM a:1 AS build\nUSER 1\nFROM b:1\nHEALTHCHECK CMD [\"x\"]\n"},
		{rule: "CIS-4.6-file", where: "x/Dockerfile:3", what: "no HEALTHCHECK", file: "FROM a:1\nHEALTHCHECK NONE\nUSER 1\n"},
		{rule: "CIS-4.7", where: "x/Dockerfile:2", what: "alone", file: "FROM a:1\nRUN apt-get -q update" + tail},
		{rule: "CIS-4.9", where: "x/Dockerfile:2", what: "ADD", file: "FROM a:1\nADD x.tar /" + tail},
		{rule: "CIS-4.10-file", where: "x/Dockerfile:2", what: "ARG NPM_TOKEN", file: "FROM a:1\nARG NPM_TOKEN" + tail},
		{rule: "CIS-4.10-file", where: "x/Dockerfile:2", what: "ENV has a value of DB_PASSWORD", file: "FROM a:1\nENV A=1 \\\n  # why\n  DB_PASSWORD=abc" + tail},
		{rule: "CIS-4.10-file", where: "x/Dockerfile:2", what: "DB_PASSWORD", file: "FROM a:1\nENV DB_PASSWORD abc" + tail},
		{rule: "CIS-4.10-file", where: "x/Dockerfile:2", what: "RUN", file: "FROM a:1\nRUN <<EOF\nexport TOKEN=abc\nEOF" + tail},
		{rule: "DL3006", where: "x/Dockerfile:1", what: `"golang"`, file: "FROM golang" + tail},
		{rule: "DL3006", where: "x/Dockerfile:2", what: `"a.example:5000/x:latest"`, file: "ARG B=a.example:5000/x:latest\nFROM --platform=linux/amd64 $B AS y" + tail},
		{rule: "DL3004", where: "x/Dockerfile:2", what: "sudo", file: "FROM a:1\nRUN x && sudo y" + tail},
		{rule: "DL3015", where: "x/Dockerfile:2", what: "recommended", file: "FROM a:1\nRUN apt-get update && apt-get -y install git" + tail},
		{rule: "file-pipe", where: "x/Dockerfile:2", what: "pipes", file: "FROM a:1\nRUN curl -fsSL https://x.example | bash -" + tail},
		{rule: "file-insecure", where: "x/Dockerfile:2", what: "check off", file: "FROM a:1\nRUN curl -sS -k https://x.example" + tail},
		{rule: "file-mode", where: "x/Dockerfile:2", what: "everybody", file: "FROM a:1\nRUN chmod -R 777 /x" + tail},
		{rule: "file-exec-form", where: "x/Dockerfile:5", what: "shell", file: "FROM a:1\nRUN x" + tail + "CMD x --y"},

		{rule: "CIS-2.1", what: "root", facts: daemon(func(d *engine.Daemon) { d.SecurityOptions = []string{"name=userns"} })},
		{rule: "CIS-2.2", what: "icc", facts: daemon(func(d *engine.Daemon) { d.BridgeICC = true })},
		{rule: "CIS-2.3", what: "debug", facts: daemon(func(d *engine.Daemon) { d.Debug = true })},
		{rule: "CIS-2.5", what: "10.0.0.0/8", facts: daemon(func(d *engine.Daemon) { d.InsecureRegistries = []string{"10.0.0.0/8"} })},
		{rule: "CIS-2.6", what: "aufs", facts: daemon(func(d *engine.Daemon) { d.StorageDriver = "aufs" })},
		{rule: "CIS-2.9", what: "user namespaces", facts: daemon(func(d *engine.Daemon) { d.SecurityOptions = []string{"name=seccomp"} })},
		{rule: "CIS-2.12", what: "plugin", facts: daemon(func(d *engine.Daemon) { d.Authorization = nil })},
		{rule: "CIS-2.13", what: "json-file", facts: daemon(func(d *engine.Daemon) { d.LoggingDriver = "json-file" })},
		{rule: "CIS-2.14", what: "default", facts: daemon(func(d *engine.Daemon) { d.SecurityOptions = nil })},
		{rule: "CIS-2.15", what: "live-restore", facts: daemon(func(d *engine.Daemon) { d.LiveRestore = false })},
		{rule: "CIS-2.17", what: "seccomp", facts: daemon(func(d *engine.Daemon) { d.SecurityOptions = nil })},
		{rule: "CIS-2.18", what: "experimental", facts: daemon(func(d *engine.Daemon) { d.Experimental = true })},
		{rule: "CIS-5.1", what: "swarm", facts: daemon(func(d *engine.Daemon) { d.Swarm = "active" })},
	}
	untested := map[string]bool{}
	rules := map[string]Rule{}
	for _, r := range Rules() {
		require.NotContains(t, rules, r.ID, "two rules of one id")
		rules[r.ID], untested[r.ID] = r, true
		for _, text := range []string{r.Title, r.TitleZh, r.Source, r.Why, r.Fix} {
			assert.NotEmpty(t, text, r.ID)
		}
	}
	for _, c := range cases {
		box, file := safe(), goodFile
		if c.container != nil {
			c.container(&box)
		}
		if c.file != "" {
			file = c.file
		}
		f := facts(box, file)
		if c.facts != nil {
			c.facts(&f)
		}
		r, ok := rules[c.rule]
		require.True(t, ok, c.rule)
		delete(untested, c.rule)
		found := r.Check(f)
		if assert.NotEmpty(t, found, "%s: %s", c.rule, c.what) {
			assert.Contains(t, found[0].What, c.what, c.rule)
			assert.NotContains(t, found[0].What, "abc", "%s: a secret is told", c.rule)
			if c.where != "" {
				assert.Equal(t, c.where, found[0].Where, c.rule)
			}
		}
	}
	assert.Empty(t, maps.Collect(maps.All(untested)), "rules without a bad example")
}

// What is right and looks like a fault.
func TestWhatIsAllowed(t *testing.T) {
	f := facts(safe(), "FROM a:1 AS low\nUSER 5\nHEALTHCHECK CMD [\"x\"]\nFROM low AS prod\nFROM low AS test\nUSER root\n")
	for _, r := range dockerfileRules() {
		assert.Empty(t, r.Check(f), "%s: prod takes user and check from the stage below; other stages do not count", r.ID)
	}
	f = facts(safe(), goodFile)
	f.Mode = env.Dev
	f.Containers[0].Ports = []engine.Port{{Container: 5432, HostIP: "127.0.0.1", Host: 15432}, {Container: 9999}}
	gateway := safe()
	gateway.Labels = map[string]string{"com.docker.compose.service": "gateway"}
	gateway.Networks = nil
	gateway.Ports = []engine.Port{{Container: 8080, HostIP: "0.0.0.0", Host: 8080}}
	f.Containers = append(f.Containers, gateway)
	for _, x := range Run(f) {
		assert.Empty(t, x.Findings, x.ID)
	}
	f.Mode = env.Prod
	assert.Equal(t, []string{"CIS-5.9"}, Report{Rules: Run(f)}.Failed(), "in prod the database is not published")
}
