//go:build integration

package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"drydock/backend/internal/board"
	"drydock/backend/internal/testenv"
)

// table is the source of truth, and counts how often it was asked. PostgreSQL's part is tested in package store.
type table struct {
	notes, visits, counts atomic.Int64
	counting              func() // called within a count, after the numbers were read
}

func (s *table) Stats(context.Context) (board.Stats, error) {
	s.counts.Add(1)
	st := board.Stats{Notes: s.notes.Load(), Visits: s.visits.Load()}
	if s.counting != nil {
		s.counting()
	}
	return st, nil
}

func (s *table) AddVisit(context.Context) error {
	s.visits.Add(1)
	return nil
}

func newCounter(t *testing.T, source Source) (*Counter, *redis.Client, string, *testenv.Proxy) {
	t.Helper()
	c := testenv.Settings(t)
	rdb, prefix := testenv.Redis(t, testenv.Settings(t))
	proxy := testenv.RedisThrough(t, c)
	client := redis.NewClient(c.Redis)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return NewCounter(source, client, prefix, testenv.Log(t)), rdb, prefix, proxy
}

func want(t *testing.T, c *Counter, notes, visits int64) {
	t.Helper()
	st, err := c.Stats(t.Context())
	if err != nil || st != (board.Stats{Notes: notes, Visits: visits}) {
		t.Errorf("got %+v, %v, want %d notes, %d visits", st, err, notes, visits)
	}
}

func TestCountsOnceUntilSomethingChanges(t *testing.T) {
	s := &table{}
	c, _, _, _ := newCounter(t, s)
	for range 5 {
		want(t, c, 0, 0)
	}
	if n := s.counts.Load(); n != 1 {
		t.Errorf("counted %d times", n)
	}
	s.notes.Store(1)
	c.Invalidate(t.Context())
	want(t, c, 1, 0)
	if st, err := c.Visit(t.Context()); err != nil || st != (board.Stats{Notes: 1, Visits: 1}) {
		t.Errorf("got %+v, %v", st, err)
	}
	want(t, c, 1, 1)
}

func TestCorrectAfterAFlush(t *testing.T) {
	s := &table{}
	c, rdb, prefix, _ := newCounter(t, s)
	for visits := int64(1); visits <= 5; visits++ {
		if _, err := c.Visit(t.Context()); err != nil {
			t.Fatal(err)
		}
		testenv.Flush(t, rdb, prefix)
		want(t, c, 0, visits)
	}
}

func TestForeignValueIsIgnored(t *testing.T) {
	s := &table{}
	s.notes.Store(3)
	c, rdb, _, _ := newCounter(t, s)
	if err := rdb.Set(t.Context(), c.value, "not JSON", 0).Err(); err != nil {
		t.Fatal(err)
	}
	want(t, c, 3, 0)
	want(t, c, 3, 0)
}

// Redis away: the numbers come from the table. Back again: what it still holds from before must not be believed.
func TestOutageOfRedis(t *testing.T) {
	s := &table{}
	c, _, _, proxy := newCounter(t, s)
	want(t, c, 0, 0)
	for _, fail := range []func(){proxy.Cut, proxy.Hang} {
		before := s.notes.Load()
		fail()
		s.notes.Add(1)
		c.Invalidate(t.Context())
		want(t, c, before+1, 0)
		proxy.Restore()
		want(t, c, before+1, 0)
		s.counts.Store(0)
		want(t, c, before+1, 0)
		if n := s.counts.Load(); n != 0 {
			t.Errorf("the cache is not used again: counted %d times", n)
		}
	}
}

// A slow reader that counted before a change must not put its numbers back after it.
func TestSlowCountDoesNotOverwriteANewerOne(t *testing.T) {
	s := &table{}
	c, _, _, _ := newCounter(t, s)
	s.counting = func() {
		s.counting = nil
		s.notes.Store(1)
		c.Invalidate(t.Context())
	}
	if _, err := c.Stats(t.Context()); err != nil { // its own answer may be the old one
		t.Fatal(err)
	}
	want(t, c, 1, 0)
}

// After all changes are over, every instance answers the same and the truth.
func TestManyInstances(t *testing.T) {
	s := &table{}
	c, rdb, prefix, _ := newCounter(t, s)
	instances := []*Counter{c, NewCounter(s, rdb, prefix, testenv.Log(t)), NewCounter(s, rdb, prefix, testenv.Log(t))}
	var all sync.WaitGroup
	for _, instance := range instances {
		for range 4 {
			all.Go(func() {
				for range 25 {
					if _, err := instance.Visit(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	for _, instance := range instances {
		want(t, instance, 0, 300)
	}
}
