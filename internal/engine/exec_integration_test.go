//go:build integration

package engine_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

func shell(t *testing.T) string {
	t.Helper()
	return testkit.Container(t, engine.Spec{Image: testkit.ShellImage(t), Cmd: []string{"sleep", "1h"}, Init: true}).ID
}

func TestExec(t *testing.T) {
	c, id := testkit.Engine(t), shell(t)
	out, err := c.ExecOutput(t.Context(), id, "sh", "-c", `echo "$1"; echo no >&2`, "sh", "a $b 'c' \n d")
	require.NoError(t, err)
	assert.Equal(t, "a $b 'c' \n d\n", out)

	var stdout, stderr bytes.Buffer
	err = c.Exec(t.Context(), id, engine.Command{
		Cmd: []string{"sh", "-c", `cat; echo "$V" >&2; exit 42`}, Env: []string{"V=last words"}, Dir: "/tmp",
		Streams: engine.Streams{In: strings.NewReader(strings.Repeat("x", 1<<20)), Out: &stdout, Err: &stderr},
	})
	var exit *engine.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 42, exit.Code)
	assert.Contains(t, exit.Tail, "last words")
	assert.Equal(t, 1<<20, stdout.Len())
	assert.Equal(t, "last words\n", stderr.String())

	_, err = c.ExecOutput(t.Context(), id, "no-such-program")
	require.Error(t, err)
	assert.ErrorContains(t, err, "no-such-program")
	require.Error(t, c.Exec(t.Context(), id, engine.Command{}))
	_, err = c.ExecOutput(t.Context(), testkit.Name(t, "nobody"), "true")
	require.ErrorIs(t, err, engine.ErrNotFound)
}

// A command that closes its output and goes on has not ended.
func TestExecWaitsForTheEndNotForTheOutput(t *testing.T) {
	c, id := testkit.Engine(t), shell(t)
	begin := time.Now()
	_, err := c.ExecOutput(t.Context(), id, "sh", "-c", "exec >/dev/null 2>&1 </dev/null; sleep 1; exit 5")
	var exit *engine.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 5, exit.Code)
	assert.GreaterOrEqual(t, time.Since(begin), time.Second)
}

// line passes on that something was written.
type line chan string

func (l line) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// next is what is written next.
func (l line) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-l:
		return s
	case <-time.After(time.Minute):
		t.Fatal("nothing was written for a minute")
		return ""
	}
}

func processes(t *testing.T, c *engine.Client, id, what string) int {
	t.Helper()
	out, err := c.ExecOutput(t.Context(), id, "sh", "-c", `for p in /proc/[0-9]*; do tr '\0' ' ' <$p/cmdline; echo; done 2>/dev/null`)
	require.NoError(t, err)
	n := 0
	for l := range strings.Lines(out) {
		if strings.HasPrefix(l, what) {
			n++
		}
	}
	return n
}

func TestACanceledExecLeavesNoProcess(t *testing.T) {
	c, id := testkit.Engine(t), shell(t)
	for name, test := range map[string]struct {
		script string
		grace  time.Duration
	}{
		"ends on TERM":         {"echo ready; sleep 7777", time.Minute},
		"ignores TERM":         {"trap '' TERM; echo ready; sleep 7777; sleep 7777", time.Second},
		"with silenced output": {"echo ready; exec >/dev/null 2>&1; sleep 7777", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			said := make(line, 10)
			done := make(chan error, 1)
			go func() {
				done <- c.Exec(ctx, id, engine.Command{
					Cmd: []string{"sh", "-c", test.script}, Streams: engine.Streams{Out: said}, Grace: test.grace,
				})
			}()
			require.Equal(t, "ready\n", said.next(t))
			require.Equal(t, 1, processes(t, c, id, "sleep 7777"))
			cancel()
			err := <-done
			require.ErrorIs(t, err, context.Canceled)
			assert.NotContains(t, err.Error(), "still be running")
			require.Equal(t, 0, processes(t, c, id, "sleep 7777"))
		})
	}
}

func TestACanceledExecWithoutAShellSaysSo(t *testing.T) {
	c := testkit.Engine(t)
	id := testkit.Container(t, engine.Spec{Cmd: []string{"sleep", "1h"}}).ID
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said := make(line, 10)
	done := make(chan error, 1)
	go func() {
		done <- c.Exec(ctx, id, engine.Command{Cmd: []string{"/tiny", "sleep", "1h"}, Streams: engine.Streams{Out: said}})
	}()
	said.next(t)
	cancel()
	err := <-done
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "may still be running")
}
