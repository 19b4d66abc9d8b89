package stack

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
)

func TestReasonOf(t *testing.T) {
	set := &env.Settings{Backend: env.App{Port: 8080, HealthPath: "/nope"}, Frontend: env.App{Port: 3000, HealthPath: "/healthz"}}
	of := func(service string, c engine.Container) engine.Container {
		c.Labels = map[string]string{"com.docker.compose.service": service}
		return c
	}
	checked := func(output string) engine.Container {
		return engine.Container{State: engine.Running, Health: engine.Unhealthy, Checks: []engine.Check{{Output: "fine"}, {ExitCode: 1, Output: output}}}
	}
	for want, c := range map[string]engine.Container{
		"backend: its health check says: probe: GET /nope answered 404; BACKEND_HEALTH_PATH is /nope":                                                  of("backend", checked("probe: GET /nope answered 404\n")),
		"backend: its health check says: asking http://127.0.0.1:8080/nope: 503 Service Unavailable: no database":                                      of("backend", checked("asking http://127.0.0.1:8080/nope: 503 Service Unavailable:\n  no database")),
		"frontend: its health check says: probe: nothing answers on port 3000: connection refused; FRONTEND_PORT is 3000, and the app gets it as PORT": of("frontend", checked("probe: nothing answers on port 3000: connection refused")),
		"db: its health check says: 404":                                of("db", checked("404")),
		"backend: its health check fails, and says nothing":             of("backend", checked("")),
		"backend: its health check did not pass in time":                of("backend", engine.Container{State: engine.Running, Health: engine.Starting}),
		"backend: it is paused":                                         of("backend", engine.Container{State: engine.Paused}),
		"backend: exit code 2; it said last: panic: no":                 of("backend", engine.Container{State: engine.Restarting, ExitCode: 2}),
		"redis: exit code 137, out of memory; more of it: REDIS_MEMORY": of("redis", engine.Container{State: engine.Exited, ExitCode: 137, OOM: true}),
	} {
		assert.Equal(t, want, reasonOf(set, c, []string{"begin", "panic:  no", ""}))
	}
	assert.Equal(t, "backend: exit code 1", reasonOf(set, of("backend", engine.Container{State: engine.Exited, ExitCode: 1}), nil))
}

// What ended before, and what is another colour's, has nothing to do with a start that fails.
func TestMeant(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := func(name, project, service string, state engine.State, at time.Time) engine.Container {
		return engine.Container{Name: name, State: state, Created: at, Finished: at,
			Labels: map[string]string{"com.docker.compose.service": service, "com.docker.compose.project": project}}
	}
	list := []engine.Container{
		c("db", "shop", "db", engine.Running, began.Add(-time.Hour)),
		c("backend", "shop-blue", "backend", engine.Running, began.Add(-time.Hour)),
		c("crashed", "shop-blue", "backend", engine.Exited, began.Add(time.Second)),
		c("fresh", "shop-blue", "frontend", engine.Created, began.Add(time.Second)),
		c("waiting", "shop-blue", "frontend", engine.Created, began.Add(time.Second)),
		c("stopped", "shop-blue", "frontend", engine.Exited, began.Add(-time.Hour)),
		c("never", "shop-blue", "frontend", engine.Created, began.Add(-time.Hour)),
		c("old", "shop-green", "frontend", engine.Exited, began.Add(-time.Hour)),
		c("shop-deploy", "", "", engine.Exited, began.Add(time.Second)),
	}
	list[3].Error, list[6].Error = "port is already allocated", "port is already allocated"
	local := true
	names := func(err error) (names []string) {
		for _, c := range meant("shop", list, err, local) {
			names = append(names, c.Name)
		}
		return names
	}
	failed := &compose.Failure{Project: "shop-blue", Began: began, Err: errors.New("x")}
	assert.Equal(t, []string{"backend", "crashed", "fresh"}, names(fmt.Errorf("wrapped: %w", failed)))
	failed.Services = []string{"frontend"}
	assert.Equal(t, []string{"fresh"}, names(failed))
	local = false
	assert.Equal(t, []string{"fresh", "stopped", "never"}, names(failed), "another machine's clock tells nothing")
	assert.Equal(t, []string{"db", "backend", "crashed", "fresh", "waiting", "stopped", "never"}, names(errors.New("asking for the page")))
}
