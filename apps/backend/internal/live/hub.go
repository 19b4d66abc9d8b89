package live

import (
	"errors"
	"sync"
)

// Kinds of event besides those of package board.
const (
	Hello  = "hello"
	Resync = "resync"
	Status = "status"
	Bye    = "bye"
)

const (
	// keep is how many events a reconnecting page can be told of; more is a resync.
	keep = 256
	// queueLength is how far a page may fall behind before it is disconnected.
	queueLength = 64
)

// Errors of Subscribe.
var (
	ErrFull   = errors.New("too many open streams")
	ErrClosed = errors.New("shutting down")
)

// Why a stream ended; see Stream.Ended.
type Reason string

const (
	TooSlow  Reason = "too slow"
	Shutdown Reason = "shutdown"
)

// Message is one change as it came from Redis.
type Message struct {
	At   Position
	Kind string
	Data []byte // JSON without line breaks
}

// Counts are what Hub has done so far; Streams is the present number.
type Counts struct {
	Streams int
	Events  int64
	Resyncs int64
	Dropped int64
}

// Hub fans out events to the open pages of this instance. No method blocks on a page. Safe for concurrent use.
type Hub struct {
	limit int

	mu      sync.Mutex
	streams map[*Stream]struct{}
	last    Position // of the newest event
	recent  []kept   // without a gap up to last
	status  Frame    // repeated to every new page; nil before the first
	closed  bool
	counts  Counts
}

type kept struct {
	at    Position
	frame Frame
}

// NewHub returns a Hub for at most limit streams.
func NewHub(limit int) *Hub {
	return &Hub{limit: limit, streams: map[*Stream]struct{}{}}
}

// Stream is the way to one page. Frames is closed when the stream ends; Ended then tells why.
type Stream struct {
	// Backlog is to be written before the first of Frames.
	Backlog []Frame
	Frames  <-chan Frame

	hub    *Hub
	frames chan Frame
	ended  Reason // guarded by hub.mu
}

// Subscribe opens a stream. lastID is what the browser sent as Last-Event-ID: the stream begins with what was missed
// since, or with a resync where that is not known.
func (h *Hub) Subscribe(lastID string) (*Stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, ErrClosed
	case len(h.streams) >= h.limit:
		return nil, ErrFull
	}
	s := &Stream{hub: h, frames: make(chan Frame, queueLength)}
	s.Frames = s.frames
	if h.status != nil {
		s.Backlog = append(s.Backlog, h.status)
	}
	if missed, ok := h.since(lastID); ok {
		s.Backlog = append(s.Backlog, missed...)
	} else {
		s.Backlog = append(s.Backlog, resyncFrame(h.last, "connected"))
	}
	h.streams[s] = struct{}{}
	return s, nil
}

// since returns the events after the position, and whether they are all of them.
func (h *Hub) since(lastID string) ([]Frame, bool) {
	after, ok := ParsePosition(lastID)
	if !ok || after.Epoch != h.last.Epoch || after.Seq > h.last.Seq {
		return nil, false
	}
	missing := int(h.last.Seq - after.Seq)
	if missing > len(h.recent) {
		return nil, false
	}
	var frames []Frame
	for _, k := range h.recent[len(h.recent)-missing:] {
		frames = append(frames, k.frame)
	}
	return frames, true
}

// Close ends the stream from the page's side. It may be called twice, and after the hub ended it.
func (s *Stream) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.end(s, "")
}

// Ended tells why the hub ended the stream; empty while it is open or when the page left by itself.
func (s *Stream) Ended() Reason {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.ended
}

func (h *Hub) end(s *Stream, why Reason) {
	if _, open := h.streams[s]; !open {
		return
	}
	delete(h.streams, s)
	s.ended = why
	close(s.frames)
}

// Accept takes the next change. One that is known already is ignored. After a gap nobody knows what was in it, so
// everyone resyncs.
func (h *Hub) Accept(m Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	same := m.At.Epoch == h.last.Epoch
	switch {
	case same && m.At.Seq <= h.last.Seq:
	case same && m.At.Seq == h.last.Seq+1:
		h.counts.Events++
		h.last = m.At
		frame := NewFrame(m.At, m.Kind, m.Data)
		if len(h.recent) == keep {
			h.recent = append(h.recent[:0], h.recent[1:]...)
		}
		h.recent = append(h.recent, kept{m.At, frame})
		h.send(frame)
	default:
		h.restart(m.At, "gap")
	}
}

// Resume is called when the subscription stands (again): at is where Redis is now. If that is where we were, nothing was
// missed and nobody is disturbed.
func (h *Hub) Resume(at Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at != h.last {
		h.restart(at, "reconnected")
	}
}

// Last is the position of the newest event.
func (h *Hub) Last() Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

func (h *Hub) restart(at Position, reason string) {
	h.counts.Resyncs++
	h.last, h.recent = at, nil
	h.send(resyncFrame(at, reason))
}

// SetStatus tells every page, and every later one first of all, how the service is. data is JSON.
func (h *Hub) SetStatus(data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = NewFrame(Position{}, Status, data)
	h.send(h.status)
}

// send never waits: a page whose queue is full is disconnected and catches up when it comes back.
func (h *Hub) send(f Frame) {
	for s := range h.streams {
		select {
		case s.frames <- f:
		default:
			h.counts.Dropped++
			h.end(s, TooSlow)
		}
	}
}

// Close ends all streams and refuses new ones.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.streams {
		h.end(s, Shutdown)
	}
}

// Counts returns a snapshot.
func (h *Hub) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.counts
	c.Streams = len(h.streams)
	return c
}
