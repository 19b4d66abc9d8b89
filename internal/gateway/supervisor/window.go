package supervisor

// windowSeconds is how far back the window reaches.
const windowSeconds = 300

// Window is how a colour did in the last seconds. Streams count as requests, but not
// for the quantiles: how long they stay open says nothing.
type Window struct {
	Colour    string  `json:"colour"` // "" is all
	Seconds   int     `json:"seconds"`
	Requests  uint64  `json:"requests"`
	Errors    uint64  `json:"errors"`     // status 5xx
	ErrorRate float64 `json:"error_rate"` // 0 without requests
	P50       float64 `json:"p50_ms"`     // estimated within buckets
	P90       float64 `json:"p90_ms"`
	P99       float64 `json:"p99_ms"`
}

// second is what happened in one second.
type second struct {
	at       int64
	requests uint32
	errors   uint32
	latency  [buckets]uint32
}

// window is a ring of seconds for each colour.
type window struct {
	ring [len(colourNames)][windowSeconds]second
}

func (w *window) add(at int64, q request, bucket int) {
	s := &w.ring[q.colour][at%windowSeconds]
	if s.at != at {
		*s = second{at: at}
	}
	s.requests++
	if q.class == serverError {
		s.errors++
	}
	if q.route != streamRoute {
		s.latency[bucket]++
	}
}

// sum adds up the seconds that end with now. More than the window has is cut.
func (w *window) sum(now int64, colour string, seconds int) Window {
	seconds = min(max(seconds, 1), windowSeconds)
	out := Window{Colour: colour, Seconds: seconds}
	var counts [buckets]uint64
	for c := range w.ring {
		if colour != "" && colourNames[c] != colour {
			continue
		}
		for i := range w.ring[c] {
			s := &w.ring[c][i]
			if s.at > now || s.at <= now-int64(seconds) {
				continue
			}
			out.Requests += uint64(s.requests)
			out.Errors += uint64(s.errors)
			for b, n := range s.latency {
				counts[b] += uint64(n)
			}
		}
	}
	if out.Requests > 0 {
		out.ErrorRate = float64(out.Errors) / float64(out.Requests)
	}
	out.P50, out.P90, out.P99 = quantile(&counts, 0.5), quantile(&counts, 0.9), quantile(&counts, 0.99)
	return out
}

// quantile estimates a quantile in milliseconds, evenly within its bucket. Beyond the
// last bound it is that bound.
func quantile(counts *[buckets]uint64, q float64) float64 {
	var total uint64
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := q * float64(total)
	var below float64
	for b, n := range counts {
		if n > 0 && below+float64(n) >= rank {
			if b == len(bounds) {
				break
			}
			low := 0.0
			if b > 0 {
				low = bounds[b-1]
			}
			return 1000 * (low + (bounds[b]-low)*(rank-below)/float64(n))
		}
		below += float64(n)
	}
	return 1000 * bounds[len(bounds)-1]
}
