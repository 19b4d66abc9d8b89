package supervisor

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"
)

// Colours and routes as they are counted. What nginx did not pass on to a colour is "none".
var (
	colourNames = [...]string{"blue", "green", "none"}
	routeNames  = [...]string{"api", "page", "asset", "stream", "other"}
	classNames  = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx", "other"}
)

const (
	blue, green, none = 0, 1, 2
	streamRoute       = 3
	otherRoute        = 4
	serverError       = 4
	otherClass        = 5
)

// bounds are the upper bounds of the latency buckets in seconds; a last bucket takes the rest.
var bounds = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

const buckets = len(bounds) + 1

// request is one line of the pipe.
type request struct {
	colour, route, class int
	seconds              float64
	bytes                uint64
}

// parseRequest reads "colour route status request_time upstream_time bytes", separated
// by tabs and without the line's end. It does not allocate.
func parseRequest(line []byte) (r request, ok bool) {
	var f [6][]byte
	for i := range f {
		field, rest, more := bytes.Cut(line, []byte{'\t'})
		if more != (i < len(f)-1) {
			return request{}, false
		}
		f[i], line = field, rest
	}
	r.colour = find(colourNames[:], f[0], none)
	r.route = find(routeNames[:], f[1], otherRoute)
	status, ok := number(f[2])
	if !ok || status > 999 {
		return request{}, false
	}
	r.class = otherClass
	if status >= 100 && status < 600 {
		r.class = int(status)/100 - 1
	}
	whole, fraction, _ := bytes.Cut(f[3], []byte{'.'})
	s, ok1 := number(whole)
	ms, ok2 := number(fraction)
	if !ok1 || !ok2 || len(fraction) != 3 { // nginx writes milliseconds
		return request{}, false
	}
	r.seconds = float64(s) + float64(ms)/1000
	if len(f[4]) == 0 {
		return request{}, false
	}
	r.bytes, ok = number(f[5])
	return r, ok
}

func find(names []string, name []byte, fallback int) int {
	for i, n := range names {
		if string(name) == n { // the compiler compares without a copy
			return i
		}
	}
	return fallback
}

// number reads up to 18 digits.
func number(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// tally is what was counted since the start.
type tally struct {
	requests [len(colourNames)][len(routeNames)][len(classNames)]uint64
	latency  [len(colourNames)][len(routeNames)]struct {
		counts [buckets]uint64
		sum    float64
	}
	bytes   [len(colourNames)]uint64
	dropped uint64 // lines that made no sense
}

// Requests counts nginx's requests. Its methods are safe for concurrent use.
type Requests struct {
	mu     sync.Mutex
	tally  tally
	window window
	now    func() time.Time
}

// NewRequests counts from zero. The clock is for the window.
func NewRequests(now func() time.Time) *Requests { return &Requests{now: now} }

// lines takes in whole lines.
func (r *Requests) lines(text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	second := r.now().Unix()
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		q, ok := parseRequest(line)
		if !ok {
			r.tally.dropped++
			continue
		}
		b := bucket(q.seconds)
		r.tally.requests[q.colour][q.route][q.class]++
		l := &r.tally.latency[q.colour][q.route]
		l.counts[b]++
		l.sum += q.seconds
		r.tally.bytes[q.colour] += q.bytes
		r.window.add(second, q, b)
	}
}

func bucket(seconds float64) int {
	for i, b := range bounds {
		if seconds <= b {
			return i
		}
	}
	return len(bounds)
}

func (r *Requests) snapshot() tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally
}

// Window sums up the last seconds of a colour; all colours if it is "".
func (r *Requests) Window(colour string, seconds int) Window {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window.sum(r.now().Unix(), colour, seconds)
}

// Read counts what comes through the pipe until the context ends.
func (r *Requests) Read(ctx context.Context, pipe io.ReadCloser) {
	stop := context.AfterFunc(ctx, func() { _ = pipe.Close() })
	defer stop()
	buf := make([]byte, 64<<10)
	held := 0 // bytes of a line whose end has not come yet
	for {
		n, err := pipe.Read(buf[held:])
		held += n
		if end := bytes.LastIndexByte(buf[:held], '\n'); end >= 0 {
			r.lines(buf[:end+1])
			held = copy(buf, buf[end+1:held])
		}
		if held == len(buf) { // no line is that long
			r.lines(buf)
			held = 0
		}
		if err != nil {
			return
		}
	}
}
