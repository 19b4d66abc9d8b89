//go:build integration

package stack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

// output can be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// What containers wrote, by service, in the order of time, and only what was asked for.
func TestLogsOfAProject(t *testing.T) {
	t.Parallel()
	project := testkit.Project(t, "logs")
	e := testkit.Engine(t)
	// service starts a container that writes its script's output, and waits for its end.
	service := func(name, script string) string {
		id := testkit.Start(t, engine.Spec{
			Image: testkit.ShellImage(t), Cmd: []string{"sh", "-c", script},
			Labels: map[string]string{stack.LabelProject: project, "com.docker.compose.project": project, "com.docker.compose.service": name},
		})
		return id
	}
	ended := func(id string) {
		_, err := e.WaitExit(t.Context(), id)
		require.NoError(t, err)
	}
	ended(service("gateway", `echo '{"status":200,"request_id":"r-1"}'; echo '{"status":502,"request_id":"r-2"}'; echo '{"status":503,"request_id":"r-3"}'; echo '{"status":200,"request_id":"r-4"}'`))
	ended(service("backend", `echo one r-2`))
	ended(service("backend", `echo two >&2`)) // the two streams of one container have no order
	ended(service("backend", `echo three r-2; echo four`))

	open := func(o env.Options) (*stack.Stack, *output) {
		out := &output{}
		if o.Tail == 0 {
			o.Tail = -1
		}
		return &stack.Stack{Settings: &env.Settings{Env: "dev", Project: project, Options: o}, Engine: e, Out: out, Err: out}, out
	}
	texts := func(o env.Options) string {
		t.Helper()
		s, out := open(o)
		require.NoError(t, s.Logs(t.Context()))
		var list []string
		for line := range strings.Lines(out.String()) {
			at, rest, ok := strings.Cut(strings.TrimSpace(line), "  ")
			require.True(t, ok, line)
			assert.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3}$`, at)
			list = append(list, strings.Join(strings.Fields(rest), " "))
		}
		return strings.Join(list, "|")
	}
	const ok1, bad2, bad3, ok4 = `gateway {"status":200,"request_id":"r-1"}`, `gateway {"status":502,"request_id":"r-2"}`, `gateway {"status":503,"request_id":"r-3"}`, `gateway {"status":200,"request_id":"r-4"}`
	join := func(list ...string) string { return strings.Join(list, "|") }
	assert.Equal(t, join(ok1, bad2, bad3, ok4, "backend one r-2", "backend two", "backend three r-2", "backend four"), texts(env.Options{}))
	assert.Equal(t, join("backend one r-2", "backend two", "backend three r-2", "backend four"), texts(env.Options{Service: []string{"backend"}}))
	assert.Equal(t, join(bad2, "backend one r-2", "backend three r-2"), texts(env.Options{Match: regexp.MustCompile("r-2")}), "one request in every service")
	failed := env.StatusRange{Low: 500, High: 599}
	assert.Equal(t, join(bad2, bad3), texts(env.Options{Status: failed}))
	assert.Equal(t, bad3, texts(env.Options{Status: failed, Tail: 1}), "the last one that failed, though others came after it")
	assert.Equal(t, join(ok4, "backend four"), texts(env.Options{Tail: 1}), "of each service")
	assert.Empty(t, texts(env.Options{Since: time.Now().Add(time.Hour).Format(time.RFC3339)}))

	s, out := open(env.Options{Format: "json", Service: []string{"backend"}, Match: regexp.MustCompile("two")})
	require.NoError(t, s.Logs(t.Context()))
	var line struct{ Time, Service, Container, Stream, Text string }
	require.NoError(t, json.Unmarshal([]byte(out.String()), &line), "%s", out)
	assert.Equal(t, []string{"backend", "stderr", "two"}, []string{line.Service, line.Stream, line.Text})

	s, _ = open(env.Options{Service: []string{"bakcend"}})
	err := s.Logs(t.Context())
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	assert.ErrorContains(t, err, `there is no service "bakcend"; there are: backend, gateway`)

	// Following goes on with what comes, filtered alike, until a signal.
	ctx, interrupt := context.WithCancelCause(t.Context())
	s, out = open(env.Options{Follow: true, Status: failed})
	s.Settings.Options.Tail = 0
	done := make(chan error, 1)
	go func() { done <- s.Logs(ctx) }()
	until := func(what string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(out.String(), what) }, time.Minute, 20*time.Millisecond, what)
	}
	// Following takes in containers that come later, too.
	service("gateway", `i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo '{"status":200,"request_id":"fine"}'; echo '{"status":504,"request_id":"late"}'; sleep 0.1; done`)
	until(`"late"`)
	assert.NotContains(t, out.String(), `"fine"`)
	assert.NotContains(t, out.String(), "r-2", "TAIL=0: nothing of before")
	interrupt(&run.SignalError{})
	assert.NoError(t, <-done, "that is how following ends")

	// With TAIL it begins with the last ones that are wanted, and goes on where they end.
	ctx, interrupt = context.WithCancelCause(t.Context())
	s, out = open(env.Options{Follow: true, Service: []string{"backend"}, Match: regexp.MustCompile("r-2"), Tail: 1, Format: "json"})
	go func() { done <- s.Logs(ctx) }()
	until("three r-2")
	service("backend", `echo five; echo six r-2; sleep 60`)
	until("six r-2")
	interrupt(&run.SignalError{})
	assert.NoError(t, <-done)
	assert.Equal(t, 2, strings.Count(out.String(), "\n"), "nothing twice, and nothing else: %s", out)
}
