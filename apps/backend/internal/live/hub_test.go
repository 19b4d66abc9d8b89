package live

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func at(seq int64) Position { return Position{Epoch: "E", Seq: seq} }

func change(seq int64) Message {
	return Message{At: at(seq), Kind: "note.created", Data: fmt.Appendf(nil, `{"id":%d}`, seq)}
}

// names shortens frames to their id and event.
func names(frames []Frame) string {
	var list []string
	for _, f := range frames {
		var id, event string
		for line := range strings.Lines(string(f)) {
			line = strings.TrimSuffix(line, "\n")
			if v, ok := strings.CutPrefix(line, "id: "); ok {
				id = v + " "
			}
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				event = v
			}
		}
		list = append(list, id+event)
	}
	return strings.Join(list, ", ")
}

// queued takes what waits in the stream.
func queued(s *Stream) (frames []Frame) {
	for len(s.Frames) > 0 {
		frames = append(frames, <-s.Frames)
	}
	return frames
}

func subscribe(t *testing.T, h *Hub, lastID string) *Stream {
	t.Helper()
	s, err := h.Subscribe(lastID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryStreamGetsEveryEvent(t *testing.T) {
	h := NewHub(10)
	h.Resume(at(4))
	a, b := subscribe(t, h, ""), subscribe(t, h, "")
	h.Accept(change(5))
	h.Accept(change(6))
	for _, s := range []*Stream{a, b} {
		if got := names(s.Backlog); got != "E-4 resync" {
			t.Errorf("backlog: got %s", got)
		}
		if got := names(queued(s)); got != "E-5 note.created, E-6 note.created" {
			t.Errorf("got %s", got)
		}
	}
	a.Close()
	a.Close()
	h.Accept(change(7))
	if got := names(queued(b)); got != "E-7 note.created" {
		t.Errorf("got %s", got)
	}
	if c := h.Counts(); c.Streams != 1 || c.Events != 3 {
		t.Errorf("got %+v", c)
	}
}

func TestReconnectingPageCatchesUp(t *testing.T) {
	h := NewHub(100)
	h.Resume(at(1))
	for seq := int64(2); seq <= 4; seq++ {
		h.Accept(change(seq))
	}
	for lastID, want := range map[string]string{
		"":       "E-4 resync",
		"E-4":    "",
		"E-2":    "E-3 note.created, E-4 note.created",
		"E-1":    "E-2 note.created, E-3 note.created, E-4 note.created",
		"E-0":    "E-4 resync", // before what is kept
		"E-5":    "E-4 resync", // from a future that this count does not have
		"D-3":    "E-4 resync", // from before a flush
		"E-3 ":   "E-4 resync",
		"\nE-3":  "E-4 resync",
		"E--3":   "E-4 resync",
		"E-9999": "E-4 resync",
	} {
		if got := names(subscribe(t, h, lastID).Backlog); got != want {
			t.Errorf("%q: got %q, want %q", lastID, got, want)
		}
	}
}

func TestOnlyTheLatestEventsAreKept(t *testing.T) {
	h := NewHub(10)
	h.Resume(at(0))
	for seq := int64(1); seq <= keep+10; seq++ {
		h.Accept(change(seq))
	}
	if got := len(subscribe(t, h, "E-10").Backlog); got != keep {
		t.Errorf("got %d events, want %d", got, keep)
	}
	if got := names(subscribe(t, h, "E-9").Backlog); !strings.HasSuffix(got, " resync") {
		t.Errorf("got %s", got)
	}
}

func TestDoubtMeansResync(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(h *Hub)
		want string
	}{
		"next":                   {func(h *Hub) { h.Accept(change(6)) }, "E-6 note.created"},
		"repeated":               {func(h *Hub) { h.Accept(change(5)) }, ""},
		"older":                  {func(h *Hub) { h.Accept(change(2)) }, ""},
		"gap":                    {func(h *Hub) { h.Accept(change(7)) }, "E-7 resync"},
		"flushed":                {func(h *Hub) { h.Accept(Message{At: Position{"F", 1}, Kind: "x", Data: []byte("{}")}) }, "F-1 resync"},
		"reconnected, no change": {func(h *Hub) { h.Resume(at(5)) }, ""},
		"reconnected, changes":   {func(h *Hub) { h.Resume(at(8)) }, "E-8 resync"},
		"reconnected, flushed":   {func(h *Hub) { h.Resume(Position{"F", 0}) }, "F-0 resync"},
		"resync, then its event": {func(h *Hub) { h.Resume(at(8)); h.Accept(change(8)) }, "E-8 resync"},
		"after a gap":            {func(h *Hub) { h.Accept(change(7)); h.Accept(change(8)) }, "E-7 resync, E-8 note.created"},
	} {
		h := NewHub(1)
		h.Resume(at(5))
		s := subscribe(t, h, "")
		test.do(h)
		if got := names(queued(s)); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestSlowPageIsDisconnectedAndHoldsUpNobody(t *testing.T) {
	h := NewHub(2)
	h.Resume(at(0))
	slow, quick := subscribe(t, h, ""), subscribe(t, h, "")
	for seq := int64(1); seq <= queueLength+1; seq++ {
		h.Accept(change(seq))
		if got := len(queued(quick)); got != 1 {
			t.Fatalf("the quick page got %d events of number %d", got, seq)
		}
	}
	read := 0
	for range slow.Frames {
		read++
	}
	if read != queueLength || slow.Ended() != TooSlow {
		t.Errorf("got %d events, ended %q", read, slow.Ended())
	}
	if c := h.Counts(); c.Dropped != 1 || c.Streams != 1 {
		t.Errorf("got %+v", c)
	}
	// What it had not read is still there for it.
	if got := names(subscribe(t, h, fmt.Sprintf("E-%d", read)).Backlog); got != fmt.Sprintf("E-%d note.created", queueLength+1) {
		t.Errorf("got %s", got)
	}
}

func TestLimit(t *testing.T) {
	h := NewHub(1)
	s := subscribe(t, h, "")
	if _, err := h.Subscribe(""); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	s.Close()
	subscribe(t, h, "")
}

func TestStatusIsRepeatedToNewPages(t *testing.T) {
	h := NewHub(2)
	a := subscribe(t, h, "")
	h.SetStatus([]byte(`{"ready":false}`))
	if got := names(queued(a)); got != "status" {
		t.Errorf("got %q", got)
	}
	if got := names(subscribe(t, h, "").Backlog); got != "status, resync" {
		t.Errorf("got %q", got)
	}
}

func TestClose(t *testing.T) {
	h := NewHub(2)
	s := subscribe(t, h, "")
	h.Close()
	if _, open := <-s.Frames; open || s.Ended() != Shutdown {
		t.Errorf("open %v, ended %q", open, s.Ended())
	}
	if _, err := h.Subscribe(""); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	s.Close()
	h.Accept(change(1))
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	h := NewHub(100)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			s, err := h.Subscribe("E-1")
			if err != nil {
				return
			}
			for range s.Frames {
			}
			s.Close()
		})
	}
	all.Go(func() {
		for seq := range int64(500) {
			h.Accept(change(seq))
			h.Counts()
		}
		h.Close()
	})
	all.Wait()
}

func TestFrame(t *testing.T) {
	got := string(NewFrame(at(3), "note.created", []byte(`{"a":1}`)))
	if want := "id: E-3\nevent: note.created\ndata: {\"a\":1}\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(NewFrame(Position{}, "hello", []byte(`{}`))); got != "event: hello\ndata: {}\n\n" {
		t.Errorf("got %q", got)
	}
}

func TestParseMessage(t *testing.T) {
	m, err := parseMessage("E-3\nnote.created\n{}")
	if err != nil || m.At != at(3) || m.Kind != "note.created" || string(m.Data) != "{}" {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, s := range []string{"", "E-3", "E-3\nx", "E-3\n\n{}", "E-3\nx\n", "E\nx\n{}", "E-3\nx\n{\n}", "E-3\nx\n{}\r"} {
		if _, err := parseMessage(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Add("E-1")
	f.Add("-1")
	f.Add("a-b-1")
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := ParsePosition(s); ok && p.String() != s {
			t.Fatalf("%q was read as %q", s, p)
		}
	})
}
