package receive

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// GuardAddr is the guard's port, inside its networks.
const GuardAddr = ":9182"

// Problem says why the guard is not healthy; "" is healthy. Commits that go on without the
// receiver are what the policy degrade asks for: an alarm, and no reason to hold up a start.
func (g *Guard) Problem() string {
	st := g.Status()
	if st.State == Zero || st.State == Degraded && g.Policy == Degrade {
		return ""
	}
	why := st.Why
	if st.State == Degraded {
		why += "; RPO_AWAY=degrade would take that for a good start"
	}
	return fmt.Sprintf("RPO=zero is not in force (%s): %s", st.State, why)
}

// Handler serves /healthz and /metrics.
func (g *Guard) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(guardCollector{g})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		text := g.Problem()
		if text != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else {
			text = "ok"
		}
		_, _ = fmt.Fprintln(w, text) // the client may be gone
	})
	return mux
}

type guardCollector struct{ g *Guard }

func rpoDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("drydock_rpo_"+name, help, labels, nil)
}

var (
	descState   = rpoDesc("state", "1 for the state that acknowledged commits are in.", "state")
	descAway    = rpoDesc("receiver_away_seconds", "Since when the receiver is away or stuck.")
	descBehind  = rpoDesc("receiver_behind_bytes", "WAL that the receiver lacks.")
	descWaiting = rpoDesc("commits_waiting", "Sessions whose commit waits for the receiver.")
	descHeld    = rpoDesc("slot_held_bytes", "WAL that is kept for the receiver on the database's disk.")
	descBound   = rpoDesc("slot_bound_bytes", "Bound of that; what is older is let go.")
)

func (c guardCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descState, descAway, descBehind, descWaiting, descHeld, descBound} {
		ch <- d
	}
}

func (c guardCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.g.Status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, state := range []State{Starting, Zero, Waiting, Degraded, Refused, Unknown} {
		v := 0.0
		if st.State == state {
			v = 1
		}
		gauge(descState, v, string(state))
	}
	gauge(descAway, st.Away.Seconds())
	if st.State == Unknown {
		return // of what is not known there is no value
	}
	if st.Last.Flushed > 0 {
		gauge(descBehind, float64(st.Last.Behind()))
	}
	gauge(descWaiting, float64(st.Last.Waiting))
	gauge(descHeld, float64(st.Last.Held))
	gauge(descBound, float64(st.Last.MaxHeld))
}
