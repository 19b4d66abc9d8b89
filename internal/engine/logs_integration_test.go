//go:build integration

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
	"drydock/internal/testkit/runid"
)

func TestLogs(t *testing.T) {
	c, ctx := testkit.Engine(t), t.Context()
	id := testkit.Start(t, engine.Spec{
		Image: testkit.ShellImage(t), Labels: map[string]string{"com.docker.compose.service": "web"},
		Cmd: []string{"sh", "-c", `
			echo one; echo bad >&2; echo; x=0123456789abcdef
			for i in 1 2 3 4 5 6 7 8 9 10 11; do x=$x$x; done; echo "$x"; printf 'no end'`},
	})
	in, err := c.WaitExit(ctx, id)
	require.NoError(t, err)
	var all, errs []string
	require.NoError(t, c.Logs(ctx, id, engine.LogOptions{}, func(l engine.LogLine) error {
		assert.Equal(t, "web", l.Service)
		assert.Equal(t, in.Name, l.Container)
		assert.WithinDuration(t, in.Started, l.Time, time.Minute)
		if l.Stderr {
			errs = append(errs, l.Text)
		} else {
			all = append(all, l.Text)
		}
		return nil
	}))
	assert.Equal(t, []string{"bad"}, errs)
	require.Len(t, all, 4)
	assert.Equal(t, []string{"one", "", "no end"}, []string{all[0], all[1], all[3]})
	assert.Len(t, all[2], 32768, "a line that the engine keeps in parts is one line")
	assert.NotContains(t, all[2], "T", "and there are no times in it")

	n := 0
	count := func(engine.LogLine) error { n++; return nil }
	require.NoError(t, c.Logs(ctx, id, engine.LogOptions{Tail: 1}, count))
	assert.Equal(t, 1, n)
	n = 0
	require.NoError(t, c.Logs(ctx, id, engine.LogOptions{Since: time.Now().Add(time.Hour)}, count))
	assert.Equal(t, 0, n)
	enough := errors.New("enough")
	assert.Equal(t, enough, c.Logs(ctx, id, engine.LogOptions{}, func(engine.LogLine) error { return enough }))
}

// Following a project goes on across restarts and takes in containers that come later,
// without losing or repeating a line.
func TestFollowingManyContainers(t *testing.T) {
	c := testkit.Engine(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := testkit.Container(t, served("-name", "first"))
	mine := engine.Filter{Labels: map[string]string{testkit.LabelTest: t.Name(), testkit.Label: runid.ID()}}
	lines := make(chan string, 100)
	done := make(chan error, 1)
	go func() {
		done <- c.LogsOf(ctx, mine, engine.LogOptions{Follow: true}, func(l engine.LogLine) error {
			lines <- l.Container + ": " + l.Text
			return nil
		})
	}()
	next := func() string {
		select {
		case l := <-lines:
			return l
		case err := <-done:
			t.Fatalf("following ended: %v", err)
		case <-time.After(time.Minute):
			t.Fatal("no line came")
		}
		return ""
	}
	listening := fmt.Sprintf("%s: listening on :8080", first.Name)
	assert.Equal(t, listening, next())
	for range 3 {
		require.NoError(t, c.RestartContainer(ctx, first.ID, 10*time.Second))
		assert.Equal(t, first.Name+": ended", next())
		assert.Equal(t, listening, next())
	}
	second := testkit.Start(t, engine.Spec{Cmd: []string{"print", "hello"}})
	in, err := c.Container(ctx, second)
	require.NoError(t, err)
	assert.Equal(t, in.Name+": hello 0", next())
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	assert.Empty(t, lines)
}
