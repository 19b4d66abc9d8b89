//go:build e2e && faults

package e2e

import (
	"crypto/rand"
	"sync"
	"testing"
	"time"
)

// author writes notes all the time, one after the other, and keeps which were acknowledged.
type author struct {
	end          chan struct{}
	done         chan struct{}
	acknowledged []string // titles; to be read after stop

	mu   sync.Mutex
	seen share
	more chan struct{} // is closed and made anew with each try
}

// startWriting begins at once; it is stopped when the test ends at the latest.
func (r *running) startWriting(t *testing.T) *author {
	a := &author{end: make(chan struct{}), done: make(chan struct{}), more: make(chan struct{})}
	go func() {
		defer close(a.done)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			title := "kept-" + rand.Text()
			err := r.write(title)
			if err == nil {
				a.acknowledged = append(a.acknowledged, title)
			}
			a.count(err)
			select {
			case <-a.end:
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { a.stop() })
	return a
}

func (a *author) count(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen.of++
	if err != nil {
		a.seen.failed++
	}
	close(a.more)
	a.more = make(chan struct{})
}

// tried is how many notes there would be if each had been acknowledged.
func (a *author) tried() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen.of
}

// reach waits until that many were tried, and returns how many were.
func (a *author) reach(t *testing.T, n int) int {
	t.Helper()
	for {
		a.mu.Lock()
		tried, more := a.seen.of, a.more
		a.mu.Unlock()
		if tried >= n {
			return tried
		}
		select {
		case <-more:
		case <-t.Context().Done():
			t.Fatalf("%d of %d notes were tried", tried, n)
		}
	}
}

// stop writes no more and says how it went. It may be called more than once.
func (a *author) stop() share {
	a.mu.Lock()
	select {
	case <-a.end:
	default:
		close(a.end)
	}
	a.mu.Unlock()
	<-a.done
	return a.seen
}
