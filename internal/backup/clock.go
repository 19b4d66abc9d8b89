package backup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"drydock/internal/backup/schedule"
	"drydock/internal/backup/store"
	"drydock/internal/notify"
)

// Names of the jobs: in the journal, in metrics, in messages.
const (
	jobDump   = "dump"
	jobVerify = "verify"
)

// Bounds of the jobs. A dump has a day: a schedule is daily as a rule.
const (
	dumpTimeout   = 24 * time.Hour
	verifyTimeout = 24 * time.Hour
	attempts      = 4
	firstBackoff  = time.Minute
	overdueAfter  = 6 * time.Hour
	stopWithin    = 20 * time.Second // less than the container's grace (compose/backup.yaml)
)

// Run works by the clock until the context ends, and serves metrics.
func (s *Service) Run(ctx context.Context) (err error) {
	lock, err := s.Store.Lock("scheduler", "the scheduler")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if lost, err := s.Store.Reclaim(ctx); err != nil {
		return fmt.Errorf("taking away what was left: %w", err)
	} else if len(lost) > 0 {
		s.Log.Warn("took away what was left by a process that died", "backups", lost)
	}
	journal, err := schedule.OpenFile(s.Store.Journal())
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("asking for the host's name: %w", err)
	}
	sender, err := s.sender(host)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSender(ctx, sender)) }()
	runner, err := schedule.New(schedule.Options{Jobs: s.jobs(), Journal: journal, StopWithin: stopWithin, Tell: func(e schedule.Event) { s.tell(sender, e) }})
	if err != nil {
		return err
	}
	beat, watch := &beater{s: s, host: host}, newWatcher(s, sender.Notify)
	stop, err := s.serveMetrics(runner, beat, watch.lags())
	if err != nil {
		return err
	}
	defer stop()
	// The loops end with this function, whatever ends it.
	ctx, cancel := context.WithCancel(ctx)
	var loops sync.WaitGroup
	defer func() { cancel(); loops.Wait() }()
	for _, loop := range []func(context.Context){
		beat.run, watch.run, newLookout(s, sender.Notify).run,
		(&copier{s: s, tell: sender.Notify}).run,
		func(ctx context.Context) { s.noLoss(ctx, sender.Notify) },
	} {
		loops.Go(func() { loop(ctx) })
	}
	p := s.Config.Physical
	s.Log.Info("working by the clock", "dump", line(s.Config.Dump), "verify", line(s.Config.Verify), "repositories", len(p.Repos),
		"full", line(p.Full), "differential", line(p.Diff), "incremental", line(p.Incr))
	return runner.Run(ctx)
}

func closeSender(ctx context.Context, sender *notify.Sender) error {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return sender.Close(closing)
}

func line(l *schedule.Line) string {
	if l == nil {
		return "never"
	}
	return l.String()
}

// jobs are what runs by the clock. A dump is followed by the clean-up that it makes room for.
func (s *Service) jobs() (jobs []schedule.Job) {
	if s.Config.Dump != nil {
		jobs = append(jobs, schedule.Job{
			Name: jobDump, Line: *s.Config.Dump, Group: "database", Wait: true,
			Timeout: dumpTimeout, Attempts: attempts, Backoff: firstBackoff, Grace: overdueAfter,
			Newest: s.found(func(list []store.Backup) (store.Backup, bool) { return newestDump(list, s.Config.Server.Database) }),
			Do: func(ctx context.Context, _ schedule.Run) (schedule.Result, error) {
				b, err := s.Dump(ctx)
				if err != nil {
					return schedule.Result{}, s.masked(err)
				}
				// The backup is good whatever comes of this; the next run tries again.
				if _, err := s.Prune(ctx, false); err != nil {
					s.Log.Error("old backups could not be removed", "error", s.masked(err).Error())
				}
				return schedule.Result{Backup: b.ID, Size: b.OnDisk}, nil
			},
		})
	}
	if len(s.Config.Physical.Repos) > 0 {
		jobs = append(jobs, s.copyJobs()...)
	}
	if s.Config.Verify != nil {
		jobs = append(jobs, schedule.Job{
			Name: jobVerify, Line: *s.Config.Verify, Group: "database", Wait: true,
			Timeout: verifyTimeout, Attempts: 1, Grace: overdueAfter,
			Newest: s.lastVerified,
			Do: func(ctx context.Context, _ schedule.Run) (schedule.Result, error) {
				return schedule.Result{}, s.masked(s.Verify(ctx, ""))
			},
		})
	}
	if s.Config.HostClock {
		for i := range jobs {
			jobs[i].Do = nil
		}
	}
	return jobs
}

// tell logs what a job came to, and sends what a person has to know.
func (s *Service) tell(sender *notify.Sender, e schedule.Event) {
	s.Log.Info("backup job", "what", e.What, "job", e.Job, "seconds", e.Duration.Seconds(), "error", e.Error, "backup", e.Result.Backup)
	switch e.What {
	case schedule.TellFailed, schedule.TellAborted, schedule.TellOverdue, schedule.TellRecovered, schedule.TellJournal:
		n := notify.Event{Event: "backup." + e.What, Kind: e.Job, Time: e.Time, Duration: e.Duration, Error: e.Error}
		if !e.Next.IsZero() {
			n.Next = "next run " + e.Next.Format(time.RFC3339)
		}
		sender.Notify(n)
	}
}

// serveMetrics serves Prometheus's format on the service's own port.
func (s *Service) serveMetrics(r *schedule.Runner, beat *beater, lags map[string]func() (time.Duration, bool)) (stop func(), err error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(schedule.NewCollector(r, lags), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "drydock_backup_repository_free_bytes", Help: "Space that the repository's file system has left.",
	}, func() float64 {
		free, err := s.Store.Free()
		if err != nil {
			return -1
		}
		return float64(free)
	}), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "drydock_backup_heartbeat_timestamp_seconds", Help: "When the heartbeat was last written into the database; 0 is never.",
	}, beat.seconds), diskCollector{s.Config.Root})
	l, err := net.Listen("tcp", s.Config.Metrics)
	if err != nil {
		return nil, fmt.Errorf("serving metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close, and before that only if the port breaks
	return func() { _ = server.Close() }, nil
}
