package supervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/render"
)

// fakeServer is an nginx that obeys, unless one of its functions says otherwise.
type fakeServer struct {
	mu      sync.Mutex
	current string // the link
	serves  int
	next    int
	workers []Worker
	ended   []int

	test   func(dir string) error
	reload func(n int) (serves int, workers []Worker)
	seen   func(shown []Worker) // called after workers were listed; may change them
}

func (f *fakeServer) Test(_ context.Context, dir string) error {
	if f.test != nil {
		return f.test(dir)
	}
	return nil
}

func (f *fakeServer) Reload() error {
	link, err := os.Readlink(f.current)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(filepath.Base(link))
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reload != nil {
		if serves, workers := f.reload(n); serves != 0 {
			f.serves, f.workers = serves, workers
			return nil
		}
	}
	f.serves = n
	f.next++
	f.workers = []Worker{{Pid: 100 + f.next, Start: uint64(f.next)}}
	return nil
}

func (f *fakeServer) Generation(context.Context) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.serves, nil
}

func (f *fakeServer) Workers() ([]Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	shown := slices.Clone(f.workers)
	if f.seen != nil {
		f.seen(shown)
	}
	return shown, nil
}

func (f *fakeServer) Terminate(w Worker) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, w.Pid)
	return nil
}

type bench struct {
	*Reloader
	server *fakeServer
	saved  []State
	lost   []error
}

func newBench(t *testing.T) *bench {
	t.Helper()
	log, _ := quiet(t)
	b := &bench{server: &fakeServer{serves: 1, workers: []Worker{{Pid: 100}}}}
	source := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(source, "nginx.conf"), nil, 0o600))
	g := &generations{run: t.TempDir(), render: func(s render.State) (map[string][]byte, error) {
		return map[string][]byte{"colour": []byte(s.Active)}, nil
	}}
	b.Reloader = &Reloader{
		server: b.server, generations: g, source: func(*Pushed) string { return source }, certificate: func() bool { return false },
		save: func(s State) error { b.saved = append(b.saved, s); return nil }, lost: func(err error) { b.lost = append(b.lost, err) },
		maxOld: 2, pace: Pace{Merge: 20 * time.Millisecond, Confirm: time.Second, Watch: 10 * time.Millisecond, Poll: time.Millisecond},
		log: log, wishes: make(chan wish), state: State{Active: render.Blue, Generation: 1},
	}
	b.server.current = g.current()
	require.NoError(t, g.make(source, render.State{Generation: 1, Active: render.Blue}))
	require.NoError(t, g.use(1))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return b
}

func toGreen(s *State) error { s.Active = render.Green; return nil }

func TestReloadIsSavedAfterItServes(t *testing.T) {
	b := newBench(t)
	b.server.test = func(string) error {
		assert.Empty(t, b.saved)
		return nil
	}
	r, err := b.Do(t.Context(), Change{Reason: "green", Edit: toGreen})
	require.NoError(t, err)
	assert.Equal(t, 2, r.Generation)
	require.Len(t, b.saved, 1)
	assert.Equal(t, render.Green, b.saved[0].Active)
	assert.Equal(t, render.Green, b.State().Active)
	text, err := os.ReadFile(filepath.Join(b.generations.current(), "run", "colour"))
	require.NoError(t, err)
	assert.Equal(t, "green", string(text))
}

func TestRefusedByTheTest(t *testing.T) {
	b := newBench(t)
	b.server.test = func(string) error { return &ConfigError{Message: "bad"} }
	b.server.reload = func(int) (int, []Worker) { t.Error("nginx must not hear of it"); return 0, nil }
	_, err := b.Do(t.Context(), Change{Reason: "green", Edit: toGreen})
	assert.Equal(t, CodeConfig, Code(err))
	assert.Empty(t, b.saved)
	assert.Equal(t, render.Blue, b.State().Active)
	link, err := os.Readlink(b.generations.current())
	require.NoError(t, err)
	assert.Equal(t, "generations/1", link)
}

func TestGoesBack(t *testing.T) {
	for name, bad := range map[string]func(f *fakeServer) (int, []Worker){
		"it never answers": func(f *fakeServer) (int, []Worker) { return 1, f.workers },
		"no workers": func(f *fakeServer) (int, []Worker) {
			return 1, []Worker{{Pid: 100, Old: true}}
		},
		"its worker dies while it is watched": func(f *fakeServer) (int, []Worker) {
			f.seen = func(shown []Worker) {
				if shown[0].Pid == 200 {
					f.workers = []Worker{{Pid: 300, Start: 300}} // the master starts another in its place
				}
			}
			return 2, []Worker{{Pid: 200, Start: 200}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.pace.Watch = 200 * time.Millisecond
			b.server.reload = func(n int) (int, []Worker) {
				if n == 2 {
					return bad(b.server)
				}
				return 0, nil
			}
			_, err := b.Do(t.Context(), Change{Reason: "green", Edit: toGreen})
			require.Error(t, err)
			assert.Equal(t, CodeFailure, Code(err))
			assert.Empty(t, b.saved)
			assert.Empty(t, b.lost)
			assert.Equal(t, render.Blue, b.State().Active)
			g, _ := b.server.Generation(t.Context())
			assert.Equal(t, 1, g)
			link, err := os.Readlink(b.generations.current())
			require.NoError(t, err)
			assert.Equal(t, "generations/1", link)

			r, err := b.Do(t.Context(), Change{Reason: "again", Edit: toGreen})
			require.NoError(t, err)
			assert.Equal(t, 3, r.Generation, "a number is used once")
		})
	}
}

func TestSaysWhenThereIsNoWayBack(t *testing.T) {
	b := newBench(t)
	b.server.reload = func(int) (int, []Worker) { return 99, []Worker{{Pid: 9, Start: 9}} }
	_, err := b.Do(t.Context(), Change{Reason: "x"})
	assert.ErrorContains(t, err, "going back to generation 1 failed")
	assert.Len(t, b.lost, 1)
}

func TestMergesAndSparesTheInnocent(t *testing.T) {
	b := newBench(t)
	b.pace.Merge = 100 * time.Millisecond
	b.server.test = func(dir string) error {
		text, err := os.ReadFile(filepath.Join(dir, "run", "colour"))
		if err == nil && string(text) == "green" {
			err = &ConfigError{Message: "green is bad"}
		}
		return err
	}
	wishes := []Change{
		{Reason: "one", Edit: func(s *State) error { s.Canary = 5; return nil }},
		{Reason: "bad", Edit: toGreen},
		{Reason: "refused", Edit: func(*State) error { return errors.New("no") }},
		{Reason: "two"},
	}
	errs := make([]error, len(wishes))
	var all sync.WaitGroup
	for i, w := range wishes {
		all.Go(func() { _, errs[i] = b.Do(t.Context(), w) })
	}
	all.Wait()
	assert.NoError(t, errs[0])
	assert.ErrorContains(t, errs[1], "green is bad")
	assert.EqualError(t, errs[2], "no")
	assert.NoError(t, errs[3])
	assert.Equal(t, 5, b.State().Canary)
	assert.Equal(t, render.Blue, b.State().Active)

	b.server.test = nil
	before := b.State().Generation
	var generations [5]int
	for i := range generations {
		all.Go(func() {
			r, err := b.Do(t.Context(), Change{Reason: "burst"})
			assert.NoError(t, err)
			generations[i] = r.Generation
		})
	}
	all.Wait()
	assert.Less(t, b.State().Generation, before+len(generations))
	for _, g := range generations {
		assert.Greater(t, g, before)
	}
}

func TestOldWorkersAreFew(t *testing.T) {
	b := newBench(t)
	b.server.workers = []Worker{{Pid: 1, Start: 1, Old: true}, {Pid: 2, Start: 2, Old: true}, {Pid: 3, Start: 3, Old: true}, {Pid: 4, Start: 4}}
	b.TrimOld()
	assert.Equal(t, []int{1}, b.server.ended, "only the oldest")
	b.server.workers = b.server.workers[1:]
	b.TrimOld()
	assert.Len(t, b.server.ended, 1)
}

func TestDoEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Do(ctx, Change{Reason: "x"})
	assert.ErrorIs(t, err, context.Canceled)
}

// A process that was killed has its command still on its way: who goes on after it must not be
// overtaken by it.
func TestWhoTakesTheTurnIsNotOvertaken(t *testing.T) {
	b := newBench(t)
	first, err := b.Turn(t.Context())
	require.NoError(t, err)
	tested, release := make(chan struct{}), make(chan struct{})
	b.server.test = func(string) error {
		close(tested)
		<-release
		return nil
	}
	asked := make(chan error, 1)
	go func() {
		_, err := b.Do(t.Context(), Change{Reason: "green", Edit: toGreen, Turn: first})
		asked <- err
	}()
	<-tested
	taken := make(chan int64, 1)
	go func() {
		second, err := b.Turn(t.Context())
		assert.NoError(t, err)
		taken <- second
	}()
	select {
	case <-taken:
		t.Fatal("a change of before is still being made")
	case <-time.After(50 * time.Millisecond): // that nothing comes can only be waited for
	}
	close(release)
	require.NoError(t, <-asked)
	second := <-taken
	assert.Greater(t, second, first)
	assert.Equal(t, render.Green, b.State().Active)

	b.server.test = nil
	toBlue := func(s *State) error { s.Active = render.Blue; return nil }
	_, err = b.Do(t.Context(), Change{Reason: "switch to blue", Edit: toBlue, Turn: first})
	require.ErrorContains(t, err, "switch to blue: somebody else has taken over; nothing was changed")
	assert.Equal(t, CodeRefused, Code(err))
	assert.Equal(t, render.Green, b.State().Active)
	for _, turn := range []int64{second, 0} {
		_, err = b.Do(t.Context(), Change{Reason: "blue", Edit: toBlue, Turn: turn})
		require.NoError(t, err)
	}
}
