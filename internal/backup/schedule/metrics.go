package schedule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector gives the state of the jobs to Prometheus. It computes when it is asked, so
// a lag grows also while nothing runs.
type Collector struct {
	r    *Runner
	lags map[string]func() (time.Duration, bool)
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("drydock_backup_"+name, help, labels, nil)
}

var (
	descSuccess  = desc("last_success_timestamp_seconds", "When the job last succeeded.", "job")
	descDuration = desc("last_duration_seconds", "How long the last successful run took.", "job")
	descSize     = desc("last_size_bytes", "Size of the last successful backup.", "job")
	descFailure  = desc("last_failure_timestamp_seconds", "When a run of the job last ended badly.", "job")
	descRuns     = desc("runs_total", "Ended runs by outcome.", "job", "outcome")
	descInARow   = desc("failures_in_a_row", "Runs that ended badly since the last success.", "job")
	descRunning  = desc("running", "1 while the job runs.", "job")
	descLag      = desc("lag_seconds", "Time since the last success, or since the job became known.", "job")
	descOverdue  = desc("overdue", "1 when a success is missing for longer than schedule and grace allow.", "job")
	descNext     = desc("next_run_timestamp_seconds", "When the job is due next.", "job")
	descArchive  = desc("archive_lag_seconds", "How far a continuous archive is behind.", "source")
	descJournal  = desc("journal_errors_total", "Entries that could not be written to the journal.")
)

// NewCollector makes the collector. The lags are continuous ones, e.g. of WAL archiving,
// by name; false means that it is not known now, and then there is no value.
func NewCollector(r *Runner, lags map[string]func() (time.Duration, bool)) *Collector {
	return &Collector{r: r, lags: lags}
}

// Describe is part of prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descSuccess, descDuration, descSize, descFailure, descRuns, descInARow, descRunning, descLag, descOverdue, descNext, descArchive, descJournal,
	} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	now := c.r.o.Clock.Now()
	states := c.r.States()
	for _, j := range c.r.o.Jobs {
		st := states[j.Name]
		if ok := st.Success; ok != nil {
			gauge(descSuccess, unix(ok.Time), j.Name)
			gauge(descDuration, ok.Seconds, j.Name)
			gauge(descSize, float64(ok.Size), j.Name)
		}
		if st.Failure != nil {
			gauge(descFailure, unix(st.Failure.Time), j.Name)
		}
		// All outcomes from the start, so that the first failure is an increase that a rule sees.
		for _, outcome := range []string{Succeeded, FailedRun, Stopped, Aborted} {
			counter(descRuns, st.Ends[outcome], j.Name, outcome)
		}
		late := Overdue(j, st, now)
		gauge(descInARow, float64(st.InARow), j.Name)
		gauge(descRunning, truth(st.Running != nil), j.Name)
		gauge(descLag, late.Lag.Seconds(), j.Name)
		gauge(descOverdue, truth(late.Overdue), j.Name)
		if next := j.Line.Next(now); !next.IsZero() {
			gauge(descNext, unix(next), j.Name)
		}
	}
	for source, lag := range c.lags {
		if d, ok := lag(); ok {
			gauge(descArchive, d.Seconds(), source)
		}
	}
	c.r.mu.Lock()
	errs := c.r.journalErrors
	c.r.mu.Unlock()
	counter(descJournal, errs)
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
