package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
	"drydock/internal/swarm"
)

// fakeLock keeps the state in memory.
type fakeLock struct {
	files map[string][]byte
	gone  bool
	err   error // of each write
}

func (l *fakeLock) put(_ context.Context, name string, data []byte) error {
	if l.err == nil {
		l.files[name] = data
	}
	return l.err
}

func (l *fakeLock) drop(_ context.Context, name string) error {
	delete(l.files, name)
	return l.err
}

func (l *fakeLock) Lost() bool { return l.gone }

// ending is a deploy that has begun, with a webhook and a hook that say what they get.
func ending(t *testing.T) (w *work, lock *fakeLock, told *[]Message, said *bytes.Buffer) {
	t.Helper()
	told = &[]Message{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m Message
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&m))
		*told = append(*told, m)
	}))
	t.Cleanup(server.Close)
	w, said = hooked(t, "DEPLOY_WEBHOOK="+server.URL, `POST_DEPLOY=sh -c 'echo "hook: $DEPLOY_OUTCOME"'`)
	lock = &fakeLock{files: map[string][]byte{currentFile: []byte("{}")}}
	w.lock, w.tried, w.journal.To = lock, true, "green"
	return w, lock, told, said
}

// Whatever becomes of putting back, the end is told once, the hook runs, what can be written
// down is, and the first error is what is said first.
func TestEveryEndIsTold(t *testing.T) {
	cause := errors.New("gate: it never became healthy")
	stopped := func() context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(&run.SignalError{Signal: syscall.SIGTERM})
		return ctx
	}
	for name, c := range map[string]struct {
		ctx      context.Context
		step     Step
		prepare  func(*work, *fakeLock)
		switched bool
		back     error // of putting back
		want     Outcome
		says     string
		current  bool // the next deploy is to find it
		noRecord bool
		silent   bool // it was told before
	}{
		"put back":               {want: Failed, says: "v0 serves as before"},
		"switched back":          {switched: true, want: Returned, says: "v0 serves again"},
		"the gateway is ahead":   {prepare: func(w *work, _ *fakeLock) { w.now.Blue.Astray = true }, want: Failed, says: "v0 runs, but listens elsewhere than the gateway asks, so the site is away"},
		"stopped":                {ctx: stopped(), want: Undone, says: "v0 serves as before"},
		"nothing to go back to":  {back: errNoOld, want: Finished, says: "there is no earlier release to go back to"},
		"putting back failed":    {back: errors.New("the engine is gone"), want: Stuck, says: "putting all back failed, too: the engine is gone", current: true},
		"stopped, and that":      {ctx: stopped(), back: errors.New("the engine is gone"), want: Stuck, says: "the engine is gone", current: true},
		"the lock was lost":      {prepare: func(_ *work, l *fakeLock) { l.gone = true }, want: Stuck, says: "nothing was put back, since somebody else may be at it", current: true, noRecord: true},
		"nothing can be written": {prepare: func(_ *work, l *fakeLock) { l.err = errors.New("no space left") }, want: Failed, says: "v0 serves as before", current: true, noRecord: true},
		"it serves, and is cut off while it tidies": {step: Prune, want: Live, says: "gate:", current: true, noRecord: true, silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, lock, told, said := ending(t)
			if c.prepare != nil {
				c.prepare(w, lock)
			}
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			if c.step == "" {
				c.step = Gate
			}
			err := w.failedWith(c.ctx, c.step, cause, func(ctx context.Context) (bool, error) {
				assert.NoError(t, ctx.Err(), "putting back is not cut off with the deploy")
				assert.False(t, lock.gone, "who has lost the lock touches nothing")
				return c.switched, c.back
			})
			require.ErrorIs(t, err, cause)
			assert.ErrorContains(t, err, c.says)
			assert.Equal(t, 1, bytes.Count(said.Bytes(), []byte("hook: "+string(c.want)+"\n")), "%s", said)
			if c.silent {
				assert.Empty(t, *told)
			} else {
				require.Len(t, *told, 1)
				assert.Equal(t, c.want, (*told)[0].Event)
				if c.want != Finished {
					assert.Contains(t, (*told)[0].Error, "gate: it never became healthy")
				}
			}
			_, current := lock.files[currentFile]
			assert.Equal(t, c.current, current)
			history := parseHistory(lock.files[historyFile])
			if c.noRecord {
				assert.Empty(t, history)
				return
			}
			require.Len(t, history, 1)
			assert.Equal(t, c.want, history[0].Outcome)
			assert.Contains(t, history[0].Error, "gate: it never became healthy")
		})
	}
}

// What was left half done gets one line in the history: how it ended at last, and why.
func TestAnEndIsWrittenDownOnce(t *testing.T) {
	w, lock, told, _ := ending(t)
	err := w.failedWith(t.Context(), Gate, errors.New("it never became healthy"), func(context.Context) (bool, error) { return false, errors.New("the engine is gone") })
	require.Error(t, err)
	require.NoError(t, w.keep(t.Context(), Interrupted, nil)) // the next deploy
	history := parseHistory(lock.files[historyFile])
	require.Len(t, history, 1)
	assert.Equal(t, Interrupted, history[0].Outcome)
	assert.Contains(t, history[0].Error, "it never became healthy")
	assert.Contains(t, history[0].Error, "the engine is gone")
	assert.NotContains(t, lock.files, currentFile)
	assert.Len(t, *told, 2)

	live := Record{Release: "1", Started: w.journal.Started, Outcome: Live}
	assert.Equal(t, History{live}, History{live}.with(Record{Release: "1", Started: live.Started, Outcome: Finished}), "only the last stroke was missing")
}

func TestEveryEndOnASwarmIsTold(t *testing.T) {
	w, lock, told, said := ending(t)
	err := w.failedOnSwarm(t.Context(), Returned, fmt.Errorf("%w: hidden-key-of-the-user", swarm.ErrReturned))
	require.ErrorIs(t, err, swarm.ErrReturned)
	assert.NotContains(t, err.Error(), "hidden")
	require.Len(t, *told, 1)
	assert.Equal(t, Returned, (*told)[0].Event)
	assert.Equal(t, Returned, parseHistory(lock.files[historyFile])[0].Outcome)
	assert.Contains(t, said.String(), "hook: returned")

	w, lock, told, said = ending(t)
	lock.err = errors.New("no space left")
	assert.ErrorContains(t, w.liveOnSwarm(t.Context()), "serves, but that could not be written down")
	require.Len(t, *told, 1)
	assert.Equal(t, Live, (*told)[0].Event)
	assert.Contains(t, said.String(), "hook: live")

	w, _, told, said = ending(t)
	require.Error(t, w.failedOnSwarm(t.Context(), "", errors.New("no node")))
	assert.Empty(t, *told, "its beginning was not told either")
	assert.NotContains(t, said.String(), "hook:")

	signal, cancel := context.WithCancelCause(t.Context())
	cancel(&run.SignalError{Signal: syscall.SIGTERM})
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want Outcome
	}{
		{t.Context(), errors.New("nodes: b cannot be reached"), Failed},
		{t.Context(), fmt.Errorf("update: %w", swarm.ErrReturned), Returned},
		{t.Context(), fmt.Errorf("update: %w", swarm.ErrMixed), Stuck},
		{signal, fmt.Errorf("update: %w", swarm.ErrReturned), Undone},
		{signal, fmt.Errorf("update: %w", swarm.ErrMixed), Stuck},
	} {
		assert.Equal(t, c.want, swarmOutcome(c.ctx, c.err), "%v", c.err)
	}
}
