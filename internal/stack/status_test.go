package stack

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
)

func TestReport(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	service := func(name string, c engine.Container) engine.Container {
		c.ID, c.Name = name, "shop-"+name+"-1"
		c.Labels = map[string]string{"com.docker.compose.service": name, "com.docker.compose.project": "shop"}
		return c
	}
	up := engine.Container{State: engine.Running, Health: engine.Healthy, Started: now.Add(-90 * time.Second), Image: "drydock/x:0123456789ab"}
	sick := up
	sick.Health, sick.Checks = engine.Unhealthy, []engine.Check{{ExitCode: 1, Output: "cannot reach\n the database"}}
	dead := engine.Container{State: engine.Exited, ExitCode: 137, OOM: true, Image: "registry:5000/redis"}
	app := sick
	app.Env = []string{"APP_VERSION=v1.2.0"}
	gateway := up
	gateway.Ports = []engine.Port{{Container: 8080, HostIP: "0.0.0.0", Host: 80}, {Container: 9}}
	once := service("migrate", up)
	once.Labels["com.docker.compose.oneoff"] = "True"
	set := &env.Settings{Env: "prod", Project: "shop", HTTP: env.HTTP{Bind: "0.0.0.0", Port: 80}}

	r := report(set, []engine.Container{service("redis", dead), service("backend", app), service("gateway", gateway), service("db", up), service("backup", up), once},
		map[string]engine.Stats{"db": {Memory: 50 << 20, MemoryLimit: 2 << 30}}, now)
	assert.False(t, r.Good())
	var b bytes.Buffer
	require.NoError(t, r.WriteText(&b))
	assert.Equal(t, `SERVICE   STATE      VERSION       UPTIME  RESTARTS  MEMORY             PORTS
gateway   healthy    0123456789ab  1m30s   0         -                  0.0.0.0:80
frontend  missing    -             -       -         -                  -
backend   unhealthy  v1.2.0        1m30s   0         -                  -
db        healthy    0123456789ab  1m30s   0         50 MiB of 2.0 GiB  -
redis     exited     -             -       0         -                  -
backup    healthy    0123456789ab  1m30s   0         -                  -

backend: cannot reach the database
redis: exit code 137, out of memory
shop (prod): not everything is healthy
http://localhost
`, b.String())
}

// What is said at the end leads to where the reason is.
func TestWhatIsNotWellIsSaidWithTheWayOn(t *testing.T) {
	command := func(target string) string { return "go tool mage " + target }
	good := func(name string) Status {
		return Status{Service: name, Container: name, State: "running", Health: "healthy"}
	}
	sick := func(name string) Status { return Status{Service: name, Container: name, State: "restarting"} }
	missing := func(name string) Status { return Status{Service: name, State: "missing"} }
	for _, c := range []struct {
		services []Status
		want     string
	}{
		{[]Status{good("db"), good("redis")}, ""},
		{[]Status{missing("db"), missing("redis")}, "nothing of shop is there; start it: go tool mage up"},
		{[]Status{good("db"), missing("redis")}, "missing: redis; to start it: go tool mage up"},
		{[]Status{sick("redis"), missing("db"), sick("backend"), sick("backend")}, "not everything is healthy; the reasons: SERVICE=backend,redis go tool mage logs"},
	} {
		err := Report{Project: "shop", Services: c.services}.complaint(command)
		if c.want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.EqualError(t, err, c.want)
	}
}

// Where both colours run, a row that is not well has to say which one it is about.
func TestColoursAreNamedWhereBothRun(t *testing.T) {
	set := &env.Settings{Project: "shop", HTTP: env.HTTP{Bind: "0.0.0.0", Port: 80}}
	app := func(service, colour string, state engine.State, h engine.Health) engine.Container {
		return engine.Container{State: state, Health: h, ExitCode: 1, Labels: map[string]string{"com.docker.compose.service": service, "com.docker.compose.project": "shop-" + colour}}
	}
	names := func(list ...engine.Container) []string {
		var out []string
		for _, s := range report(set, list, nil, time.Now()).Services {
			if s.State != "missing" {
				out = append(out, s.name()+" "+s.state())
			}
		}
		return out
	}
	blue := []engine.Container{app("backend", "blue", engine.Restarting, ""), app("frontend", "blue", engine.Running, engine.Healthy)}
	green := []engine.Container{app("backend", "green", engine.Running, engine.Healthy), app("frontend", "green", engine.Running, engine.Healthy)}
	assert.Equal(t, []string{"frontend healthy", "backend restarting"}, names(blue...))
	assert.ElementsMatch(t, []string{"frontend (blue) healthy", "frontend (green) healthy", "backend (blue) restarting", "backend (green) healthy"}, names(append(blue, green...)...))
	stopped := []engine.Container{app("backend", "blue", engine.Exited, ""), app("frontend", "blue", engine.Exited, "")}
	assert.Equal(t, []string{"frontend healthy", "backend healthy"}, names(append(stopped, green...)...), "what is kept to be gone back to is not shown")
}

// The guard of RPO=zero is missed when it is gone, and only where it is wanted.
func TestTheGuardIsMissed(t *testing.T) {
	set := &env.Settings{Project: "shop"}
	guard := engine.Container{State: engine.Running, Labels: map[string]string{"com.docker.compose.service": "guard", "com.docker.compose.project": "shop"}}
	states := func(list ...engine.Container) map[string]string {
		out := map[string]string{}
		for _, s := range report(set, list, nil, time.Now()).Services {
			out[s.Service] = s.State
		}
		return out
	}
	assert.NotContains(t, states(), "guard")
	set.Backup.RPO.Goal = env.RPOZero
	assert.Equal(t, "missing", states()["guard"])
	assert.Equal(t, "running", states(guard)["guard"])
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m1s", 3*time.Hour + 5*time.Minute: "3h5m", 50 * time.Hour: "2d2h",
	} {
		assert.Equal(t, want, Duration(d))
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got, err := sinceTime("10m", now)
	require.NoError(t, err)
	assert.Equal(t, now.Add(-10*time.Minute), got)
	got, err = sinceTime("2026-03-01T19:00:00+08:00", now)
	require.NoError(t, err)
	assert.True(t, got.Equal(now.Add(-time.Hour)))
	got, err = sinceTime("", now)
	require.NoError(t, err)
	assert.True(t, got.IsZero())
	// A time without its offset means two things in two zones.
	_, err = sinceTime("2026-03-01 12:00:00", now)
	assert.ErrorContains(t, err, "offset")
}
