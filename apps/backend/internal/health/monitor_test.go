package health

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drydock/backend/internal/store"
)

func works(context.Context) error { return nil }

func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func newMonitor(database, redis func(context.Context) error) *Monitor {
	return NewMonitor(database, redis, slog.New(slog.DiscardHandler))
}

func TestCheckNamesThePartThatFails(t *testing.T) {
	refused := func(context.Context) error { return errors.New("refused") }
	behind := func(context.Context) error { return &store.SchemaError{Have: 1, Want: 2} }
	for name, test := range map[string]struct {
		database, redis func(context.Context) error
		want            Report
	}{
		"all well":   {works, works, Report{Ready: true, Checks: Checks{OK, OK, OK}}},
		"database":   {refused, works, Report{Checks: Checks{"refused", OK, "unknown"}}},
		"redis":      {works, refused, Report{Checks: Checks{OK, "refused", OK}}},
		"migrations": {behind, works, Report{Checks: Checks{OK, OK, (&store.SchemaError{Have: 1, Want: 2}).Error()}}},
		"both":       {refused, refused, Report{Checks: Checks{"refused", "refused", "unknown"}}},
	} {
		if got := newMonitor(test.database, test.redis).Check(t.Context()); got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}

// A stopped database must be noticed within 3 s, also one that takes connections and answers nothing.
func TestHangingPartsAreNoticedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stopped atomic.Bool
		part := func(ctx context.Context) error {
			if stopped.Load() {
				return hangs(ctx)
			}
			return nil
		}
		changes := make(chan Report, 10)
		go newMonitor(part, part).Run(t.Context(), func(r Report) { changes <- r })
		if r := <-changes; !r.Ready {
			t.Fatalf("first: %+v", r)
		}
		time.Sleep(interval / 2)
		stopped.Store(true)
		begin := time.Now()
		if r := <-changes; r.Ready || r.Checks.Database == OK || r.Checks.Redis == OK {
			t.Errorf("got %+v", r)
		}
		if took := time.Since(begin); took >= 3*time.Second {
			t.Errorf("noticed after %v", took)
		}
		stopped.Store(false)
		begin = time.Now()
		if r := <-changes; !r.Ready {
			t.Errorf("got %+v", r)
		}
		if took := time.Since(begin); took >= 3*time.Second {
			t.Errorf("recovery noticed after %v", took)
		}
		if len(changes) != 0 {
			t.Error("told although nothing changed")
		}
	})
}

func TestManyProbesShareOneCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int32
		m := newMonitor(func(context.Context) error {
			checks.Add(1)
			time.Sleep(100 * time.Millisecond)
			return nil
		}, works)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { m.Check(t.Context()) })
		}
		all.Wait()
		if n := checks.Load(); n != 1 {
			t.Errorf("%d checks for 50 probes at once", n)
		}
		time.Sleep(time.Second)
		m.Check(t.Context())
		if n := checks.Load(); n != 2 {
			t.Errorf("an old result was used: %d checks", n)
		}
	})
}

// A prober that hangs up must not make the check fail for the others.
func TestCheckOutlivesItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := newMonitor(func(ctx context.Context) error { return ctx.Err() }, works)
	if r := m.Check(ctx); !r.Ready {
		t.Errorf("got %+v", r)
	}
}

func TestDraining(t *testing.T) {
	m := newMonitor(works, works)
	if m.Check(t.Context()); !m.Ready() {
		t.Error("not ready at first")
	}
	m.Drain()
	r := m.Check(t.Context())
	if r.Ready || !r.Draining || m.Ready() {
		t.Errorf("got %+v", r)
	}
	if p := r.Public(); !p.Ready || p.Draining {
		t.Errorf("pages were told of the drain: %+v", p)
	}
}

func TestPublicHidesReasons(t *testing.T) {
	r := Report{Checks: Checks{Database: "dial tcp 10.0.0.1:5432", Redis: OK, Migrations: "unknown"}}.Public()
	if want := (Report{Checks: Checks{"failed", OK, "unknown"}}); r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
}
