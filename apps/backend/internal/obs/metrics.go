package obs

import (
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"

	"drydock/backend/internal/live"
)

// Metrics is a registry of its own, so that nothing an imported package registers shows up by accident.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	panics   prometheus.Counter
}

// NewMetrics registers the metrics of requests, the Go runtime and the process.
func NewMetrics(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Answered requests.",
		}, []string{"route", "method", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer a request, event streams left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight", Help: "Requests being answered, event streams included.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "http_panics_total", Help: "Requests that ended in a panic.",
		}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "backend_build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go": b.Go},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.latency, m.inFlight, m.panics, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Begin counts a request in; call the returned function when it is over.
func (m *Metrics) Begin() (end func()) {
	m.inFlight.Inc()
	return m.inFlight.Dec
}

// Answered counts a request. route is the pattern and not the path, which would make a series of every note; timed is
// false for streams, whose duration says how long a page was open.
func (m *Metrics) Answered(route, method string, status int, took time.Duration, timed bool) {
	labels := prometheus.Labels{"route": route, "method": knownMethod(method), "status": strconv.Itoa(status)}
	m.requests.With(labels).Inc()
	if timed {
		m.latency.With(labels).Observe(took.Seconds())
	}
}

// Panicked counts a request that ended in a panic.
func (m *Metrics) Panicked() { m.panics.Inc() }

// knownMethod keeps a client that invents methods from inventing series.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// Watch adds the numbers that are read from their owners when /metrics is asked.
func (m *Metrics) Watch(pool *pgxpool.Pool, rdb *redis.Client, hub *live.Hub, ready func() bool) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
	}
	gauge("backend_ready", "1 if /readyz would answer 200 by the latest check.", func() float64 {
		if ready() {
			return 1
		}
		return 0
	})
	gauge("db_pool_max_connections", "Limit of the pool.", func() float64 { return float64(pool.Stat().MaxConns()) })
	gauge("db_pool_connections", "Open connections.", func() float64 { return float64(pool.Stat().TotalConns()) })
	gauge("db_pool_busy_connections", "Connections in use.", func() float64 { return float64(pool.Stat().AcquiredConns()) })
	counter("db_pool_waits_total", "Times a request had to wait for a connection.", func() float64 { return float64(pool.Stat().EmptyAcquireCount()) })
	counter("db_pool_wait_seconds_total", "Time spent waiting for a connection.", func() float64 { return pool.Stat().EmptyAcquireWaitTime().Seconds() })
	gauge("redis_pool_connections", "Open connections.", func() float64 { return float64(rdb.PoolStats().TotalConns) })
	gauge("redis_pool_idle_connections", "Idle connections.", func() float64 { return float64(rdb.PoolStats().IdleConns) })
	counter("redis_pool_timeouts_total", "Times no connection was free in time.", func() float64 { return float64(rdb.PoolStats().Timeouts) })
	gauge("sse_clients", "Open event streams.", func() float64 { return float64(hub.Counts().Streams) })
	counter("sse_events_total", "Changes received from Redis.", func() float64 { return float64(hub.Counts().Events) })
	counter("sse_resyncs_total", "Times all pages were told to load again.", func() float64 { return float64(hub.Counts().Resyncs) })
	counter("sse_dropped_clients_total", "Pages disconnected because they read too slowly.", func() float64 { return float64(hub.Counts().Dropped) })
}
