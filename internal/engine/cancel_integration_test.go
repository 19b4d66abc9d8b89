//go:build integration

package engine_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// endless is an archive that never ends: one large file of zeros. It says when it has
// been read from.
type endless struct {
	head    io.Reader
	started chan struct{}
	said    bool
}

func newEndless(t *testing.T) *endless {
	t.Helper()
	head, err := engine.Tar(engine.File{Name: "x", Mode: 0o600, Data: make([]byte, 4<<20)})
	require.NoError(t, err)
	return &endless{head: io.LimitReader(head, 1<<20), started: make(chan struct{})}
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.head.Read(p)
	if errors.Is(err, io.EOF) {
		if !e.said {
			e.said = true
			close(e.started)
		}
		time.Sleep(20 * time.Millisecond) // a source that is slow, and never comes to its end
		clear(p[:1])
		return 1, nil
	}
	return n, err
}

// readSlowly reads a kilobyte at a time, as slowly as a full disk or a far machine would
// take it, and closes.
func readSlowly(r io.ReadCloser) error {
	for {
		if _, err := io.CopyN(io.Discard, r, 1024); err != nil {
			return errors.Join(err, r.Close())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Each long operation is canceled in its middle: it returns at once with the reason and
// leaves nothing behind.
func TestCancelInTheMiddle(t *testing.T) {
	c := testkit.Engine(t)
	image := testkit.TinyImage(t)
	why := errors.New("the person pressed Ctrl-C")

	waitState := func(t *testing.T, f engine.Filter) {
		t.Helper()
		events, failed := c.Events(t.Context(), engine.EventFilter{Types: []string{"container"}, Labels: f.Labels, Since: time.Unix(1, 0)})
		for {
			list, err := c.Containers(t.Context(), f)
			require.NoError(t, err)
			if len(list) > 0 {
				return
			}
			select {
			case <-events:
			case err := <-failed:
				t.Fatal(err)
			}
		}
	}
	sleeper := func(t *testing.T) string {
		return testkit.Container(t, engine.Spec{Cmd: []string{"sleep", "1h"}}).ID
	}
	// Each case begins the operation in a goroutine of its own and returns what to wait
	// for before it is canceled.
	for name, begin := range map[string]func(t *testing.T, ctx context.Context, done chan<- error) func(){
		"WaitHealthy": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			spec := served("-start-delay", "1h")
			spec.Health.StartPeriod = time.Hour
			id := testkit.Start(t, spec)
			go func() { _, err := c.WaitHealthy(ctx, id); done <- err }()
			return func() {}
		},
		"WaitExit": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			id := sleeper(t)
			go func() { _, err := c.WaitExit(ctx, id); done <- err }()
			return func() {}
		},
		"Events": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			_, failed := c.Events(ctx, engine.EventFilter{Labels: map[string]string{"nobody": "has this"}})
			go func() { done <- <-failed }()
			return func() {}
		},
		"Logs": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			id, read := sleeper(t), make(chan bool, 1)
			go func() {
				done <- c.Logs(ctx, id, engine.LogOptions{Follow: true}, func(engine.LogLine) error { read <- true; return nil })
			}()
			return func() { <-read }
		},
		"LogsOf": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			sleeper(t)
			read := make(chan bool, 1)
			go func() {
				done <- c.LogsOf(ctx, mine(t), engine.LogOptions{Follow: true}, func(engine.LogLine) error { read <- true; return nil })
			}()
			return func() { <-read }
		},
		"RunOnce": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			spec, said := once(t, "stubborn", "1h"), make(line, 1)
			go func() { done <- c.RunOnce(ctx, spec, engine.Streams{Out: said}) }()
			return func() { said.next(t) }
		},
		"RunOnce that waits for input": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			spec := once(t, "stdin")
			r, w := io.Pipe()
			t.Cleanup(func() { w.Close() })
			go func() { done <- c.RunOnce(ctx, spec, engine.Streams{In: r}) }()
			running := mine(t)
			running.States = []engine.State{engine.Running}
			return func() { waitState(t, running) }
		},
		"CopyTo": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			id, source := sleeper(t), newEndless(t)
			go func() { done <- c.CopyTo(ctx, id, "/tmp", source) }()
			return func() { <-source.started }
		},
		"WriteVolume": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			v, source := testkit.Volume(t), newEndless(t)
			go func() { done <- c.WriteVolume(ctx, image, v.Name, source) }()
			return func() { <-source.started }
		},
		"Import": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			labels, source := testkit.Labels(t), newEndless(t)
			go func() { _, err := c.Import(ctx, source, engine.ImportOptions{Labels: labels}); done <- err }()
			return func() { <-source.started }
		},
		"Save": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			r, err := c.Save(ctx, image)
			require.NoError(t, err)
			go func() { done <- readSlowly(r) }()
			return func() {}
		},
		"ReadVolume": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			v := testkit.Volume(t)
			archive, err := engine.Tar(engine.File{Name: "x", Mode: 0o600, Data: make([]byte, 8<<20)})
			require.NoError(t, err)
			require.NoError(t, c.WriteVolume(t.Context(), image, v.Name, archive))
			r, err := c.ReadVolume(ctx, image, v.Name, "x")
			require.NoError(t, err)
			go func() { done <- readSlowly(r) }()
			return func() {}
		},
		"Load": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			source := newEndless(t)
			go func() { _, err := c.Load(ctx, source, nil); done <- err }()
			return func() { <-source.started }
		},
		"Stop": func(t *testing.T, ctx context.Context, done chan<- error) func() {
			id, enough := testkit.Container(t, engine.Spec{Cmd: []string{"stubborn", "1h"}}).ID, errors.New("enough")
			err := c.Logs(t.Context(), id, engine.LogOptions{Follow: true}, func(engine.LogLine) error { return enough })
			require.Equal(t, enough, err) // from its first line on it ignores TERM
			go func() { done <- c.Stop(ctx, id, time.Hour) }()
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			done := make(chan error, 1)
			middle := begin(t, ctx, done)
			middle()
			select {
			case err := <-done:
				t.Fatalf("it ended by itself: %v", err)
			case <-time.After(50 * time.Millisecond): // so that it certainly is in its middle
			}
			at := time.Now()
			cancel(why)
			select {
			case err := <-done:
				require.ErrorIs(t, err, why)
			case <-time.After(time.Minute):
				t.Fatal("it did not end")
			}
			assert.Less(t, time.Since(at), 20*time.Second)
			noScratch(t, c)
		})
	}
}
