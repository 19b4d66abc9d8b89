//go:build integration

package acme

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// running is a Run that the test follows through its calls of onChange.
type running struct {
	t       *testing.T
	changes chan string // serial at the time of the call
	fail    atomic.Bool
	end     func()
}

func run(t *testing.T, m *Manager) *running {
	t.Helper()
	r := &running{t: t, changes: make(chan string, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- m.Run(ctx, func(context.Context) error {
			pair, err := m.Pair()
			if err != nil {
				return err
			}
			r.changes <- pair.Info.Serial
			if r.fail.Load() {
				return errors.New("nginx does not want it")
			}
			return nil
		})
	}()
	r.end = func() {
		cancel()
		assert.NoError(t, <-done)
	}
	return r
}

func (r *running) change() string {
	r.t.Helper()
	select {
	case serial := <-r.changes:
		return serial
	case <-time.After(30 * time.Second):
		r.t.Fatal("onChange was not called")
		return ""
	}
}

// settled waits until the manager has looked after the given time, and has nothing to do.
func settled(t *testing.T, m *Manager, after time.Time) {
	t.Helper()
	require.Eventually(t, func() bool {
		s := m.Status()
		return s.LastSuccess.After(after) && s.NextAttempt.After(s.LastSuccess)
	}, 30*time.Second, 5*time.Millisecond)
}

// (NginxProxyManager/nginx-proxy-manager 5720: the certificate was renewed on disk only,
// because nobody told nginx.)
func TestRunFromThePlaceholderToTheRenewal(t *testing.T) {
	p := startPebble(t)
	var c clock
	m, count := p.manager(t, c.options)
	ready, err := m.Prepare(t.Context())
	require.NoError(t, err)
	assert.True(t, ready)
	placeholder := whole(t, m)

	r := run(t, m)
	first := r.change()
	assert.NotEqual(t, placeholder.Info.Serial, first)
	settled(t, m, time.Time{})
	n := count.seen(orders)

	// A daily look finds nothing to do, and reloads nothing.
	at := c.now().Add(daily)
	c.move(daily)
	settled(t, m, at.Add(-time.Second))
	assert.Equal(t, n, count.seen(orders))
	assert.Empty(t, r.changes)

	// The machine sleeps for two months.
	c.move(61 * daily)
	second := r.change()
	assert.NotEqual(t, first, second)
	settled(t, m, at)
	assert.Empty(t, r.changes, "once")
	r.end()

	// A new process has what is there in use from its start.
	again := manager(t, like(m), func(o *Options) { o.Now = nil })
	_, err = again.Prepare(t.Context())
	require.NoError(t, err)
	r = run(t, again)
	settled(t, again, time.Now().Add(-time.Minute))
	r.end()
	assert.Empty(t, r.changes)
}

func TestAReloadThatFailsIsTriedAgain(t *testing.T) {
	p := startPebble(t)
	m, count := p.manager(t)
	_, err := m.Prepare(t.Context())
	require.NoError(t, err)
	r := run(t, m)
	r.fail.Store(true)
	serial := r.change()
	for range 3 {
		assert.Equal(t, serial, r.change(), "the stored pair stays")
	}
	n := count.seen(orders)
	r.fail.Store(false)
	require.Eventually(t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.served == serial
	}, 10*time.Second, 5*time.Millisecond)
	settled(t, m, time.Time{})
	for len(r.changes) > 0 {
		<-r.changes
	}
	assert.Never(t, func() bool { return len(r.changes) > 0 }, 200*time.Millisecond, 20*time.Millisecond)
	assert.Equal(t, n, count.seen(orders), "nothing was ordered for that")
	r.end()
}

func TestRunGetsThereOnceTheDomainPointsHere(t *testing.T) {
	p := startPebble(t)
	var c clock
	m, count := p.manager(t, c.options)
	_, err := m.Prepare(t.Context())
	require.NoError(t, err)
	p.Stop()
	r := run(t, m)
	require.Eventually(t, func() bool { return m.Status().Failures == 1 && m.Status().NextAttempt.After(c.now()) }, 10*time.Second, 5*time.Millisecond)
	c.move(2 * time.Minute)
	require.Eventually(t, func() bool { return m.Status().Failures == 2 && m.Status().NextAttempt.After(c.now()) }, 10*time.Second, 5*time.Millisecond)
	assert.Zero(t, count.seen(orders))
	p.Restart()
	c.move(5 * time.Minute)
	r.change()
	require.Eventually(t, func() bool { return m.Status().Failures == 0 }, 10*time.Second, 5*time.Millisecond)
	r.end()
}
