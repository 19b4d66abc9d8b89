package supervisor

import (
	"github.com/prometheus/client_golang/prometheus"
)

// collector makes Prometheus' metrics from what is counted anyway, when it is asked.
type collector struct{ s *Supervisor }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("drydock_gateway_"+name, help, labels, nil)
}

var (
	descMembers    = desc("pool_members", "Members of a pool by state.", "pool", "state")
	descProbes     = desc("probes_total", "Probes of a pool's members by outcome.", "pool", "outcome")
	descUnclear    = desc("pool_lookups_failed_total", "Questions for a pool's members that the name server did not answer.", "pool")
	descReloads    = desc("reloads_total", "Reloads of nginx by outcome.", "outcome")
	descGeneration = desc("generation", "The generation of the configuration that serves.")
	descActive     = desc("active", "1 for the active colour.", "colour")
	descCanary     = desc("canary_percent", "Part of the clients that the colour which is not active gets.")
	descMaint      = desc("maintenance", "1 during maintenance.")
	descUp         = desc("nginx_up", "1 while nginx runs.")
	descWorkers    = desc("workers", "Workers of nginx: new ones take requests, old ones finish what they have.", "age")
	descExpiry     = desc("certificate_expiry_seconds", "Seconds until the certificate ends.")
	descExpiresAt  = desc("certificate_expiry_timestamp_seconds", "When the certificate ends, in seconds since 1970.")
	descRenewal    = desc("certificate_renewal_failed", "1 when the last attempt to renew the certificate failed; only where it is renewed here (TLS=acme).")
	descRequests   = desc("requests_total", "Requests by colour, route and class of the status.", "colour", "route", "class")
	descDuration   = desc("request_duration_seconds", "Time from a request's first byte to the last byte of its answer.", "colour", "route")
	descBytes      = desc("sent_bytes_total", "Bytes sent to clients by colour.", "colour")
	descDropped    = desc("request_lines_dropped_total", "Lines of nginx's request log that made no sense.")
)

// Describe sends nothing: which series there are depends on what happened.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends everything.
func (c collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	v := c.s.View()
	for _, p := range v.Pools {
		gauge(descMembers, float64(p.Healthy()), p.Name, "healthy")
		gauge(descMembers, float64(len(p.Members)-p.Healthy()), p.Name, "unhealthy")
		n := c.s.pools.Counts(p.Name)
		counter(descProbes, uint64(n.Good), p.Name, "good")
		counter(descProbes, uint64(n.Bad), p.Name, "bad")
		counter(descUnclear, uint64(n.Unclear), p.Name)
	}
	counter(descReloads, v.Reloads.Done, "done")
	counter(descReloads, v.Reloads.Failed, "failed")
	gauge(descGeneration, float64(v.Generation))
	for _, colour := range colourNames[:none] {
		gauge(descActive, one(string(v.Active) == colour), colour)
	}
	percent := 0
	if v.Canary != nil {
		percent = v.Canary.Percent
	}
	gauge(descCanary, float64(percent))
	gauge(descMaint, one(v.Maintenance))
	gauge(descUp, one(v.Serving))
	gauge(descWorkers, float64(v.Workers.New), "new")
	gauge(descWorkers, float64(v.Workers.Old), "old")
	if v.Certificate.Expires != nil {
		gauge(descExpiry, v.Certificate.Expires.Sub(c.s.now()).Seconds())
		gauge(descExpiresAt, float64(v.Certificate.Expires.Unix()))
	}
	if v.Certificate.Renewal != nil {
		gauge(descRenewal, one(v.Certificate.Renewal.Failed))
	}
	c.requests(out)
}

func (c collector) requests(out chan<- prometheus.Metric) {
	t := c.s.requests.snapshot()
	for ci, colour := range colourNames {
		for ri, route := range routeNames {
			for k, class := range classNames {
				if n := t.requests[ci][ri][k]; n > 0 {
					out <- prometheus.MustNewConstMetric(descRequests, prometheus.CounterValue, float64(n), colour, route, class)
				}
			}
			l := &t.latency[ci][ri]
			cumulative := map[float64]uint64{}
			var total uint64
			for b, n := range l.counts {
				total += n
				if b < len(bounds) {
					cumulative[bounds[b]] = total
				}
			}
			if total > 0 {
				out <- prometheus.MustNewConstHistogram(descDuration, total, l.sum, cumulative, colour, route)
			}
		}
		out <- prometheus.MustNewConstMetric(descBytes, prometheus.CounterValue, float64(t.bytes[ci]), colour)
	}
	out <- prometheus.MustNewConstMetric(descDropped, prometheus.CounterValue, float64(t.dropped))
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
