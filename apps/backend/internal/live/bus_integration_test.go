//go:build integration

package live

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"drydock/backend/internal/board"
	"drydock/backend/internal/testenv"
)

// instance is one backend's part of the live updates, behind a proxy of its own.
type instance struct {
	bus   *Bus
	hub   *Hub
	proxy *testenv.Proxy

	connected chan struct{} // one for each time that the subscription stands and the position is known
}

// connections tells of each connection, which the bus only logs.
type connections struct {
	slog.Handler
	made chan<- struct{}
}

func (c connections) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "live updates connected" {
		c.made <- struct{}{}
	}
	return c.Handler.Handle(ctx, r)
}

// await waits for the next connection.
func (i *instance) await(t *testing.T) {
	t.Helper()
	select {
	case <-i.connected:
	case <-time.After(testenv.Patience):
		t.Fatalf("not connected after %v", testenv.Patience)
	}
}

type world struct {
	rdb    *redis.Client
	prefix string
}

func newWorld(t *testing.T) world {
	t.Helper()
	rdb, prefix := testenv.Redis(t, testenv.Settings(t))
	return world{rdb, prefix}
}

func (w world) start(t *testing.T) *instance {
	t.Helper()
	c := testenv.Settings(t)
	proxy := testenv.RedisThrough(t, c)
	rdb := redis.NewClient(c.Redis)
	hub := NewHub(100)
	connected := make(chan struct{}, 100)
	log := slog.New(connections{testenv.Log(t).Handler(), connected})
	i := &instance{bus: NewBus(rdb, hub, w.prefix, log), hub: hub, proxy: proxy, connected: connected}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { i.bus.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := rdb.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

func (i *instance) publish(t *testing.T, id int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	i.bus.Publish(ctx, board.Event{Kind: board.Created, Note: board.Note{ID: id}})
}

// page opens a stream; on an instance that has just started it also waits until its subscription stands.
func (i *instance) page(t *testing.T) *Stream {
	t.Helper()
	s, err := i.hub.Subscribe("")
	if err != nil {
		t.Fatal(err)
	}
	if i.hub.Last() == (Position{}) {
		wantNext(t, s, Resync)
	}
	return s
}

// wantNext waits for the next frame and checks its event; it returns its id.
func wantNext(t *testing.T, s *Stream, event string) string {
	t.Helper()
	select {
	case f, open := <-s.Frames:
		if !open {
			t.Fatalf("the stream ended (%s) before %s", s.Ended(), event)
		}
		n := names([]Frame{f})
		if n != event && n[len(n)-len(event):] != event {
			t.Fatalf("got %q, want %s", n, event)
		}
		return n
	case <-time.After(testenv.Patience):
		t.Fatalf("no %s in %v", event, testenv.Patience)
		return ""
	}
}

func TestChangesReachEveryInstance(t *testing.T) {
	w := newWorld(t)
	a, b := w.start(t), w.start(t)
	pageA, pageB := a.page(t), b.page(t)
	a.publish(t, 1)
	b.publish(t, 2)
	for range 2 {
		if idA, idB := wantNext(t, pageA, board.Created), wantNext(t, pageB, board.Created); idA != idB {
			t.Errorf("ids %q and %q for one event", idA, idB)
		}
	}
	// So a page can go on at another instance: this is what happens to it in a deploy.
	s, err := b.hub.Subscribe(Position{a.hub.Last().Epoch, a.hub.Last().Seq - 1}.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Backlog) != 1 || names(s.Backlog) == "" || s.Backlog[0][0] != 'i' {
		t.Errorf("got %s", names(s.Backlog))
	}
}

func TestManyPagesShareOneSubscription(t *testing.T) {
	w := newWorld(t)
	i := w.start(t)
	var pages []*Stream
	for range 50 {
		pages = append(pages, i.page(t))
	}
	n, err := w.rdb.PubSubNumSub(t.Context(), i.bus.channel).Result()
	if err != nil || n[i.bus.channel] != 1 {
		t.Errorf("%d subscriptions, %v", n[i.bus.channel], err)
	}
	i.publish(t, 1)
	for _, p := range pages {
		wantNext(t, p, board.Created)
	}
}

// Redis restarts, or the network breaks: changes of that time are made up for by a resync, then events go on.
func TestReconnectsAndResyncs(t *testing.T) {
	w := newWorld(t)
	a, b := w.start(t), w.start(t)
	pageA, pageB := a.page(t), b.page(t)
	for _, fail := range []func(){a.proxy.Cut, a.proxy.Hang} {
		fail()
		b.publish(t, 1)
		wantNext(t, pageB, board.Created)
		a.proxy.Restore()
		wantNext(t, pageA, Resync)
		b.publish(t, 2)
		wantNext(t, pageA, board.Created)
		wantNext(t, pageB, board.Created)
	}
}

// Nothing happened in between, so nobody loads anything again.
func TestReconnectWithoutChangeIsSilent(t *testing.T) {
	w := newWorld(t)
	a, b := w.start(t), w.start(t)
	page := a.page(t)
	a.await(t)
	a.proxy.Cut()
	awaitSubscriptions(t, w, a.bus.channel, 1)
	a.proxy.Restore()
	a.await(t) // not only subscribed: until it knows the position, a change counts as missed
	b.publish(t, 1)
	wantNext(t, page, board.Created)
}

// awaitSubscriptions asks Redis until it knows of n subscriptions; it tells nobody of its own accord.
func awaitSubscriptions(t *testing.T, w world, channel string, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	for {
		got, err := w.rdb.PubSubNumSub(ctx, channel).Result()
		if err != nil {
			t.Fatalf("waiting for %d subscriptions: %v", n, err)
		}
		if got[channel] == n {
			return
		}
	}
}

// A change whose instance could not reach Redis is made up for once it can.
func TestUnpublishedChangeIsOwed(t *testing.T) {
	w := newWorld(t)
	a, b := w.start(t), w.start(t)
	a.page(t)
	pageB := b.page(t)
	a.proxy.Cut()
	a.publish(t, 1)
	a.proxy.Restore()
	wantNext(t, pageB, Resync)
}

func TestFlushIsNoticed(t *testing.T) {
	w := newWorld(t)
	i := w.start(t)
	page := i.page(t)
	i.publish(t, 1)
	old := wantNext(t, page, board.Created)
	testenv.Flush(t, w.rdb, w.prefix)
	i.publish(t, 2)
	wantNext(t, page, Resync)
	i.publish(t, 3)
	if id := wantNext(t, page, board.Created); id == old {
		t.Errorf("id %q came twice", id)
	}
}

// Redis restarted from an older snapshot counts on from a lower number: those numbers must not mean two events.
func TestOlderSnapshotBeginsANewCount(t *testing.T) {
	w := newWorld(t)
	a, b := w.start(t), w.start(t)
	pageA := a.page(t)
	b.page(t)
	for id := range int64(5) {
		b.publish(t, id)
		wantNext(t, pageA, board.Created)
	}
	before := a.hub.Last()
	a.proxy.Cut()
	if err := w.rdb.HSet(t.Context(), a.bus.counter, "seq", 2).Err(); err != nil {
		t.Fatal(err)
	}
	a.proxy.Restore()
	wantNext(t, pageA, Resync)
	if after := a.hub.Last(); after.Epoch == before.Epoch {
		t.Errorf("still %v after %v", after, before)
	}
}

func TestForeignMessagesAreIgnored(t *testing.T) {
	w := newWorld(t)
	i := w.start(t)
	page := i.page(t)
	for _, m := range []string{"", "hello", "E-1\nx\n{}\nevent: forged"} {
		if err := w.rdb.Publish(t.Context(), i.bus.channel, m).Err(); err != nil {
			t.Fatal(err)
		}
	}
	i.publish(t, 1)
	wantNext(t, page, board.Created)
}
