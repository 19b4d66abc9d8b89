package pool

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Target is one pool to watch.
type Target struct {
	Name string // network alias of its members, and its name below .pool
	Port int
	Path string // of the health check
}

// Finding and Probing are the edges of a Watcher; *Finder and *Prober in earnest.
type (
	Finding interface {
		Find(ctx context.Context, name string) Found
	}
	Probing interface {
		Probe(ctx context.Context, addr netip.Addr, port int, path string) error
	}
)

// Counts are events since the start, for metrics.
type Counts struct {
	Good, Bad int // probes
	Unclear   int // questions that the name server did not answer
}

// Watcher keeps pools up to date. Its methods are safe for concurrent use.
type Watcher struct {
	timing  Timing
	targets []Target
	find    Finding
	probe   Probing
	changed func(View)

	mu     sync.Mutex
	pools  map[string]*Pool
	counts map[string]*Counts
	last   map[string]string // how the answer was when it was last reported

	first    sync.WaitGroup
	ready    chan struct{}
	inflight sync.WaitGroup
}

// NewWatcher returns a watcher of targets. changed, if not nil, hears of each change of
// a pool's answer or of a member's health; it must not block.
func NewWatcher(timing Timing, targets []Target, find Finding, probe Probing, changed func(View)) *Watcher {
	w := &Watcher{
		timing: timing, targets: targets, find: find, probe: probe, changed: changed,
		pools: map[string]*Pool{}, counts: map[string]*Counts{}, last: map[string]string{}, ready: make(chan struct{}),
	}
	for _, t := range targets {
		w.pools[t.Name], w.counts[t.Name] = New(t.Name, timing), &Counts{}
	}
	return w
}

// Ready is closed when each pool was asked for once and each member that was found then
// was probed once.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Run watches until the context ends, and returns when all probes have.
func (w *Watcher) Run(ctx context.Context) {
	w.first.Add(len(w.targets))
	go func() {
		w.first.Wait()
		close(w.ready)
	}()
	var loops sync.WaitGroup
	for _, t := range w.targets {
		loops.Go(func() { w.watchNames(ctx, t) })
		loops.Go(func() { w.watchMembers(ctx, t) })
	}
	loops.Wait()
	w.inflight.Wait()
}

// watchNames asks for a pool's members, one question after the other.
func (w *Watcher) watchNames(ctx context.Context, t Target) {
	for first := true; ; first = false {
		began := time.Now()
		f := w.find.Find(ctx, t.Name)
		if ctx.Err() != nil {
			f = Found{Outcome: Unclear, Err: ctx.Err()}
		}
		var fresh []Ticket
		w.do(t.Name, func(p *Pool, c *Counts) {
			if f.Outcome == Unclear {
				c.Unclear++
			}
			fresh = p.Find(time.Now(), f)
		})
		var probes []<-chan struct{}
		for _, one := range fresh {
			probes = append(probes, w.start(ctx, t, one))
		}
		if first {
			// The next question does not wait for these probes.
			go func() {
				for _, done := range probes {
					<-done
				}
				w.first.Done()
			}()
		}
		if !pause(ctx, w.timing.Find-time.Since(began)) {
			return
		}
	}
}

// watchMembers probes all members in the rhythm of Timing.Probe, and lets time pass for
// the pool four times as often.
func (w *Watcher) watchMembers(ctx context.Context, t Target) {
	for i := 0; ; i++ {
		var all []Ticket
		w.do(t.Name, func(p *Pool, _ *Counts) {
			p.Tick(time.Now())
			all = p.Tickets()
		})
		if i%4 == 0 {
			for _, one := range all {
				w.start(ctx, t, one)
			}
		}
		if !pause(ctx, w.timing.Probe/4) {
			return
		}
	}
}

// start sends one probe. What is returned is closed when its answer was taken in.
func (w *Watcher) start(ctx context.Context, t Target, to Ticket) <-chan struct{} {
	done := make(chan struct{})
	w.inflight.Go(func() {
		defer close(done)
		asked := time.Now()
		ctx, cancel := context.WithTimeout(ctx, w.timing.Timeout)
		err := w.probe.Probe(ctx, to.Addr, t.Port, t.Path)
		cancel()
		w.do(t.Name, func(p *Pool, c *Counts) {
			if err == nil {
				c.Good++
			} else {
				c.Bad++
			}
			p.Probed(time.Now(), asked, to, err)
		})
	})
	return done
}

// do changes a pool and reports if something came of it.
func (w *Watcher) do(name string, f func(*Pool, *Counts)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pools[name]
	f(p, w.counts[name])
	v := p.View()
	shape := v.shape()
	if w.last[name] != shape {
		w.last[name] = shape
		if w.changed != nil {
			w.changed(v) // under the lock: reports come in the order of the changes
		}
	}
}

// shape is what makes two views worth telling apart.
func (v View) shape() string {
	s := v.Mode
	for _, m := range v.Members {
		s += " " + m.Addr.String()
		if m.Healthy {
			s += "+"
		}
	}
	return s
}

// Tell is what <name>.pool resolves to, for nginx, which then knows it; false if there is
// no such pool.
func (w *Watcher) Tell(name string) ([]netip.Addr, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pools[name]
	if p == nil {
		return nil, false
	}
	return p.Tell(), true
}

// Views are all pools in the order of the targets.
func (w *Watcher) Views() []View {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]View, 0, len(w.targets))
	for _, t := range w.targets {
		out = append(out, w.pools[t.Name].View())
	}
	return out
}

// Counts are the events of a pool so far.
func (w *Watcher) Counts(name string) Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.counts[name]; c != nil {
		return *c
	}
	return Counts{}
}

// pause waits; false if the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
