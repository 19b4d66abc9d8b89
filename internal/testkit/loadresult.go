package testkit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Result is what a load has met.
type Result struct {
	Sent     int            // requests that were answered or failed
	Failed   int            // of these, without an answer or not as Check wants it
	Retried  int            // requests without a body that net/http sent again on a new connection
	Missed   int            // not sent, because all workers were busy when they were due
	Statuses map[int]int    // by HTTP status; requests without an answer are in none
	Errors   map[string]int // by kind
	Failures []string       // the first ones, each with its moment
	Elapsed  time.Duration

	latencies []time.Duration // sorted
}

// Percentile is the latency that p percent of the requests stayed within; failed ones
// count, too.
func (r Result) Percentile(p float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	i := int(p/100*float64(len(r.latencies))+0.5) - 1
	return r.latencies[min(max(i, 0), len(r.latencies)-1)]
}

// Max is the longest latency.
func (r Result) Max() time.Duration { return r.Percentile(100) }

// String is one line for a log, and the failures.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %s, %d failed, %d sent again, %d missed, latency median %s, 99%% %s, longest %s",
		r.Sent, r.Elapsed.Round(time.Millisecond), r.Failed, r.Retried, r.Missed, r.Percentile(50).Round(time.Microsecond),
		r.Percentile(99).Round(time.Microsecond), r.Max().Round(time.Microsecond))
	for _, s := range slices.Sorted(maps.Keys(r.Statuses)) {
		fmt.Fprintf(&b, ", %d×%d", r.Statuses[s], s)
	}
	for _, e := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(&b, "\n    %d× %s", r.Errors[e], e)
	}
	for _, f := range r.Failures {
		b.WriteString("\n    " + f)
	}
	return b.String()
}

// keepFailures is how many failures are told one by one.
const keepFailures = 10

// recorder collects results from many workers.
type recorder struct {
	mu      sync.Mutex
	r       Result
	first   time.Time
	last    time.Time
	latency []time.Duration
	more    chan struct{} // closed by the next result; nil when nobody waits
}

func (c *recorder) ok(planned time.Time, status int) { c.add(planned, status, nil) }

func (c *recorder) failed(planned time.Time, status int, err error) { c.add(planned, status, err) }

func (c *recorder) missed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.Missed++
}

func (c *recorder) retried() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.Retried++
}

// progress returns the count and a channel that is closed when there is one more.
func (c *recorder) progress() (int, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.more == nil {
		c.more = make(chan struct{})
	}
	return c.r.Sent, c.more
}

func (c *recorder) add(planned time.Time, status int, err error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.r.Statuses == nil {
		c.r.Statuses, c.r.Errors = map[int]int{}, map[string]int{}
		c.first = planned
	}
	c.last = now
	c.latency = append(c.latency, now.Sub(planned))
	c.r.Sent++
	if c.more != nil {
		close(c.more)
		c.more = nil
	}
	if status != 0 {
		c.r.Statuses[status]++
	}
	if err == nil {
		return
	}
	c.r.Failed++
	c.r.Errors[errorKind(err)]++
	if len(c.r.Failures) < keepFailures {
		c.r.Failures = append(c.r.Failures, fmt.Sprintf("%s: %v", now.Format("15:04:05.000"), err))
	}
}

func (c *recorder) result() Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.r
	out.Statuses, out.Errors = maps.Clone(c.r.Statuses), maps.Clone(c.r.Errors)
	out.Failures = slices.Clone(c.r.Failures)
	out.latencies = slices.Clone(c.latency)
	slices.Sort(out.latencies)
	if !c.first.IsZero() {
		out.Elapsed = c.last.Sub(c.first)
	}
	return out
}
