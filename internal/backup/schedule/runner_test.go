package schedule

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeClock runs on synctest's time, which costs none, and can be set like a machine's.
type fakeClock struct{ ahead atomic.Int64 }

func (c *fakeClock) Now() time.Time                         { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *fakeClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
func (c *fakeClock) set(to time.Time)                       { c.ahead.Add(int64(to.Sub(c.Now()))) }

// box is one life of the scheduler after another on the same journal.
type box struct {
	t     *testing.T
	path  string
	clock *fakeClock
	jobs  []Job

	mu   sync.Mutex
	news []string
	runs []string

	runner *Runner
	stop   context.CancelFunc
	done   chan error
}

// inBox runs a test in a bubble, where time passes only when everybody waits.
func inBox(t *testing.T, now string, test func(b *box)) {
	dir := memory(t)
	start := at(t, now)
	synctest.Test(t, func(t *testing.T) {
		b := &box{t: t, path: filepath.Join(dir, "journal"), clock: &fakeClock{}}
		b.clock.set(start)
		test(b)
		if b.stop != nil {
			require.NoError(t, b.end())
		}
	})
}

// job adds a daily job at 02:30 in Berlin that does what it is given.
func (b *box) job(name string, do func(context.Context, Run) error) *Job {
	j := daily(b.t, name)
	j.Do = func(ctx context.Context, run Run) (Result, error) {
		b.mu.Lock()
		b.runs = append(b.runs, fmt.Sprintf("%s %s", name, b.clock.Now().In(j.Line.Zone()).Format("01-02 15:04:05")))
		b.mu.Unlock()
		if do == nil {
			return Result{Backup: run.ID, Size: 42}, nil
		}
		return Result{Backup: run.ID, Size: 42}, do(ctx, run)
	}
	b.jobs = append(b.jobs, j)
	return &b.jobs[len(b.jobs)-1]
}

func (b *box) begin() {
	b.t.Helper()
	j, err := OpenFile(b.path)
	require.NoError(b.t, err)
	b.beginWith(j)
}

func (b *box) beginWith(j Journal) {
	b.t.Helper()
	r, err := New(Options{Clock: b.clock, Jobs: b.jobs, Journal: j, Tell: func(e Event) {
		b.mu.Lock()
		b.news = append(b.news, e.What+" "+e.Job)
		b.mu.Unlock()
	}})
	require.NoError(b.t, err)
	ctx, cancel := context.WithCancel(b.t.Context())
	b.runner, b.stop, b.done = r, cancel, make(chan error, 1)
	go func() { b.done <- r.Run(ctx) }()
	synctest.Wait()
}

func (b *box) end() error {
	b.stop()
	b.stop = nil
	return <-b.done
}

func (b *box) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (b *box) took() (runs, news []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	runs, news = b.runs, b.news
	b.runs, b.news = nil, nil
	return runs, news
}

// waits is a job that takes a while.
func waits(d time.Duration) func(context.Context, Run) error {
	return func(ctx context.Context, _ Run) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}

func TestItRunsDayByDay(t *testing.T) {
	inBox(t, "2026-03-28T00:00:00Z", func(b *box) {
		b.job("dump", nil)
		b.begin()
		b.pass(72 * time.Hour)
		runs, news := b.took()
		assert.Equal(t, []string{"dump 03-28 02:30:00", "dump 03-29 03:00:00", "dump 03-30 02:30:00"}, runs)
		assert.Equal(t, []string{"succeeded dump", "succeeded dump", "succeeded dump"}, news)
		st := b.runner.States()["dump"]
		assert.Equal(t, "dump-000003", st.Success.Backup)
		assert.Nil(t, st.Running)
	})
}

// Off for five days: one run, at once, and none that was due before the job was known.
func TestWhatWasMissedIsCaughtUpOnce(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		b.job("dump", nil)
		b.begin()
		b.pass(24 * time.Hour)
		require.NoError(t, b.end())
		b.took()
		b.clock.set(at(t, "2026-01-07T08:00:00Z"))
		b.begin()
		b.pass(17 * time.Hour)
		runs, _ := b.took()
		assert.Equal(t, []string{"dump 01-07 09:00:00"}, runs)
		b.pass(time.Hour)
		runs, _ = b.took()
		assert.Equal(t, []string{"dump 01-08 02:30:00"}, runs)
		var missed []int
		for _, e := range journal(t, b.path).Entries() {
			if e.Event == EventStart {
				missed = append(missed, e.Missed)
			}
		}
		assert.Equal(t, []int{0, 4, 0}, missed)
	})
}

// The machine sleeps: the timer does not know, the clock does.
func TestAClockThatIsSet(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		b.job("dump", nil)
		b.begin()
		b.clock.set(at(t, "2026-01-02T12:00:00Z"))
		b.pass(time.Minute)
		runs, _ := b.took()
		assert.Len(t, runs, 1)
		b.clock.set(at(t, "2026-01-02T01:00:00Z")) // back over the time that was run for
		b.pass(12 * time.Hour)
		runs, _ = b.took()
		assert.Empty(t, runs)
		b.clock.set(at(t, "2027-06-01T12:00:00Z")) // a year ahead, and one run there
		b.pass(time.Minute)
		b.clock.set(at(t, "2026-01-02T13:01:00Z"))
		b.took()
		b.pass(24 * time.Hour)
		runs, _ = b.took()
		assert.Equal(t, []string{"dump 01-03 02:30:00"}, runs, "the other year holds nothing up")
	})
}

func TestABrandNewJobOnAClockThatIsAhead(t *testing.T) {
	inBox(t, "2030-01-01T12:00:00Z", func(b *box) {
		b.job("dump", nil)
		b.begin()
		b.clock.set(at(t, "2026-01-01T12:00:00Z"))
		b.pass(24 * time.Hour)
		runs, _ := b.took()
		assert.Equal(t, []string{"dump 01-02 02:30:00"}, runs)
	})
}

func TestRetriesAndRecovery(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		var fail atomic.Bool
		fail.Store(true)
		j := b.job("dump", func(context.Context, Run) error {
			if fail.Load() {
				return errors.New("connection refused")
			}
			return nil
		})
		j.Attempts, j.Backoff, j.MaxBackoff, j.Grace = 4, time.Minute, 3*time.Minute, 48*time.Hour
		b.begin()
		b.pass(14 * time.Hour)
		runs, news := b.took()
		assert.Equal(t, []string{"dump 01-02 02:30:00", "dump 01-02 02:31:00", "dump 01-02 02:33:00", "dump 01-02 02:36:00"}, runs)
		assert.Equal(t, []string{"failed dump"}, news)
		st := b.runner.States()["dump"]
		assert.Equal(t, 1, st.InARow)
		assert.Equal(t, "connection refused", st.Failure.Error)
		assert.InDelta(t, 360, st.Failure.Seconds, 0.001)
		fail.Store(false)
		b.pass(24 * time.Hour)
		_, news = b.took()
		assert.Equal(t, []string{"succeeded dump", "recovered dump"}, news)
		assert.Zero(t, b.runner.States()["dump"].InARow)
	})
}

func TestWhatRetryingDoesNotMend(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		j := b.job("permanent", func(context.Context, Run) error { return Permanent(errors.New("wrong version")) })
		j.Attempts = 5
		j = b.job("panics", func(context.Context, Run) error { panic("oh") })
		j.Attempts = 1
		j = b.job("slow", waits(time.Hour))
		j.Timeout = time.Minute
		b.begin()
		b.pass(24 * time.Hour)
		runs, _ := b.took()
		assert.Len(t, runs, 3)
		states := b.runner.States()
		assert.Equal(t, "wrong version", states["permanent"].Failure.Error)
		assert.Contains(t, states["panics"].Failure.Error, "panic: oh")
		assert.Contains(t, states["slow"].Failure.Error, "it took longer than 1m0s")
		assert.NoError(t, Permanent(nil))
	})
}

// Full and incremental never run at the same time, nor a job with itself.
func TestGroups(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		b.job("full", waits(2*time.Hour)).Group = "physical"
		incr := b.job("incr", nil)
		incr.Group, incr.Wait = "physical", true
		b.job("dump", waits(30*time.Hour))
		for i := range b.jobs {
			b.jobs[i].Grace = 48 * time.Hour
		}
		b.begin()
		b.pass(24 * time.Hour)
		runs, news := b.took()
		assert.ElementsMatch(t, []string{"full 01-02 02:30:00", "dump 01-02 02:30:00", "incr 01-02 04:30:00"}, runs)
		assert.Equal(t, "incr 01-02 04:30:00", runs[2])
		assert.Equal(t, []string{"succeeded full", "succeeded incr"}, news)
		b.pass(24 * time.Hour)
		runs, news = b.took()
		assert.Equal(t, []string{"full 01-03 02:30:00", "incr 01-03 04:30:00"}, runs)
		assert.Contains(t, news, "skipped dump")
		assert.Contains(t, news, "succeeded dump")
	})
}

// Stopped by a signal, a run is recorded, and made up for after the restart.
func TestStoppedInTheMiddle(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		b.job("dump", waits(2*time.Hour)).Grace = 10 * time.Hour
		b.begin()
		b.pass(14 * time.Hour)
		require.NotNil(t, b.runner.States()["dump"].Running)
		require.NoError(t, b.end())
		st := journal(t, b.path).States()["dump"]
		assert.Equal(t, Stopped, st.Failure.Outcome)
		assert.Nil(t, st.Running)
		_, news := b.took()
		assert.Empty(t, news, "a restart is no news")
		b.begin()
		b.pass(3 * time.Hour)
		_, news = b.took()
		assert.Equal(t, []string{"succeeded dump"}, news)
	})
}

func TestAJobThatDoesNotStop(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		b.job("dump", func(context.Context, Run) error { <-time.After(14 * time.Hour); return nil })
		b.begin()
		b.pass(14 * time.Hour)
		require.ErrorContains(t, b.end(), "dump did not end within 20s")
		b.pass(15 * time.Hour) // it ends after all
		st := journal(t, b.path).States()["dump"]
		assert.Equal(t, map[string]int{Aborted: 1}, st.Ends)
	})
}

// A run whose process died is recorded as aborted, told, and tried once more; one that
// brings the machine down each time is not tried for ever.
func TestAProcessThatDied(t *testing.T) {
	inBox(t, "2026-01-02T01:00:00Z", func(b *box) {
		b.job("dump", nil)
		slot := at(t, "2026-01-02T01:30:00Z")
		dies := func() {
			j := journal(t, b.path)
			require.NoError(t, j.Append(Entry{Event: EventSeen, Job: "dump", Time: slot.Add(-time.Hour)}))
			require.NoError(t, j.Append(Entry{Event: EventStart, Job: "dump", Run: "dump-000001", Slot: &slot, Time: slot}))
		}
		dies()
		b.clock.set(slot.Add(time.Hour))
		b.begin()
		runs, news := b.took()
		assert.Equal(t, []string{"aborted dump", "succeeded dump", "recovered dump"}, news)
		assert.Len(t, runs, 1)
		require.NoError(t, b.end())
		dies()
		b.begin()
		runs, news = b.took()
		assert.Equal(t, []string{"aborted dump"}, news)
		assert.Empty(t, runs)
	})
}

// Overdue is told once, then daily, until a success.
func TestOverdueIsTold(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		var fail atomic.Bool
		fail.Store(true)
		b.job("dump", func(context.Context, Run) error {
			if fail.Load() {
				return errors.New("no")
			}
			return nil
		})
		b.begin()
		b.pass(15*time.Hour - time.Minute) // 03:59; due at 02:30, grace to 03:30
		_, news := b.took()
		assert.Equal(t, []string{"failed dump", "overdue dump"}, news)
		b.pass(23 * time.Hour)
		_, news = b.took()
		assert.Equal(t, []string{"failed dump"}, news)
		b.pass(2 * time.Hour)
		_, news = b.took()
		assert.Equal(t, []string{"overdue dump"}, news)
		require.NoError(t, b.end())
		b.begin()
		_, news = b.took()
		assert.Empty(t, news, "a restart does not tell it again")
		fail.Store(false)
		b.pass(24 * time.Hour)
		_, news = b.took()
		assert.Equal(t, []string{"succeeded dump", "recovered dump"}, news)
	})
}

// brokenJournal is a disk that is full.
type brokenJournal struct{}

func (brokenJournal) States() map[string]State { return map[string]State{} }
func (brokenJournal) Append(Entry) error       { return errors.New("no space left on device") }

// Backups run although the journal cannot be written; that is told once and counted.
func TestAJournalThatCannotBeWritten(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		b.job("dump", nil)
		b.beginWith(brokenJournal{})
		b.pass(48 * time.Hour)
		runs, news := b.took()
		assert.Len(t, runs, 2)
		assert.Equal(t, []string{"journal dump", "succeeded dump", "succeeded dump"}, news)
		assert.InDelta(t, 5, gathered(t, b.runner)["drydock_backup_journal_errors_total"], 0)
	})
}

func gathered(t *testing.T, r *Runner) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(NewCollector(r, map[string]func() (time.Duration, bool){
		"wal": func() (time.Duration, bool) { return 3 * time.Second, true }, "s3": func() (time.Duration, bool) { return 0, false },
	})))
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return got
}

func TestMetrics(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		b.job("dump", waits(10*time.Second))
		b.job("full", func(context.Context, Run) error { return errors.New("no") })
		b.begin()
		b.pass(24 * time.Hour)
		got := gathered(t, b.runner)
		p := "drydock_backup_"
		done := float64(at(t, "2026-01-02T01:30:10Z").Unix())
		for name, want := range map[string]float64{
			"last_success_timestamp_seconds dump": done, "last_duration_seconds dump": 10, "last_size_bytes dump": 42,
			"lag_seconds dump": float64(at(t, "2026-01-02T12:00:00Z").Unix()) - done, "lag_seconds full": 24 * 3600,
			"runs_total dump success": 1, "runs_total dump failed": 0, "runs_total full failed": 1, "failures_in_a_row full": 1,
			"overdue dump": 0, "overdue full": 1, "running dump": 0,
			"next_run_timestamp_seconds dump": float64(at(t, "2026-01-03T01:30:00Z").Unix()),
			"archive_lag_seconds wal":         3, "journal_errors_total": 0,
		} {
			value, ok := got[p+name]
			assert.True(t, ok, name)
			assert.InDelta(t, want, value, 0.001, name)
		}
		assert.NotContains(t, got, p+"archive_lag_seconds s3")
		assert.NotContains(t, got, p+"last_success_timestamp_seconds full")
	})
}

// What was made by hand is as good as what the clock made.
func TestWhatOthersMakeIsASuccess(t *testing.T) {
	inBox(t, "2026-01-10T12:00:00+01:00", func(b *box) {
		var made atomic.Pointer[Found]
		var mended atomic.Bool
		j := b.job("dump", func(context.Context, Run) error {
			if mended.Load() {
				return nil
			}
			return errors.New("broken")
		})
		j.Newest = func() (Found, bool) { return *made.Load(), true }
		byHand := func() {
			made.Store(&Found{Result: Result{Backup: "by-hand", Size: 7}, At: b.clock.Now(), Took: time.Minute})
			b.pass(time.Minute)
		}
		made.Store(&Found{Result: Result{Backup: "old"}, At: b.clock.Now().Add(-time.Hour)})
		b.begin()
		_, news := b.took()
		assert.Empty(t, news)
		assert.Nil(t, b.runner.States()["dump"].Success, "from before the job became known")

		b.pass(30 * time.Hour) // the run at night fails, and six hours later it is missing
		_, news = b.took()
		require.Equal(t, []string{"failed dump"}, news[:1])
		b.pass(24 * time.Hour)
		_, news = b.took()
		require.Contains(t, news, "overdue dump")
		require.True(t, b.runner.States()["dump"].wasBad())
		byHand()
		_, news = b.took()
		assert.Equal(t, []string{"recovered dump"}, news)
		st := b.runner.States()["dump"]
		assert.Equal(t, "by-hand", st.Success.Backup)
		assert.Zero(t, st.InARow)
		assert.False(t, Overdue(*j, st, b.clock.Now()).Overdue)

		// Neither again, nor after a restart; and one made while all is well is no news.
		require.NoError(t, b.end())
		b.begin()
		mended.Store(true)
		byHand()
		_, news = b.took()
		assert.Empty(t, news)
		assert.Equal(t, made.Load().At.UTC(), b.runner.States()["dump"].Success.Time)
		b.pass(24 * time.Hour)
		_, news = b.took()
		assert.Equal(t, []string{"succeeded dump"}, news)
		made.Store(&Found{Result: Result{Backup: "by-hand"}, At: b.clock.Now().Add(time.Hour)}) // of a wrong clock
		b.pass(time.Minute)
		assert.NotEqual(t, "by-hand", b.runner.States()["dump"].Success.Backup)
	})
}

// A job that others do is never started, and told when it does not come, or comes again.
func TestWhatOthersDoIsOnlyWatched(t *testing.T) {
	inBox(t, "2026-01-01T12:00:00Z", func(b *box) {
		b.job("dump", nil)
		var made atomic.Int64 // UnixNano
		b.jobs[0].Do, b.jobs[0].Newest = nil, func() (Found, bool) { return Found{At: time.Unix(0, made.Load())}, made.Load() != 0 }
		b.begin()
		b.pass(12 * time.Hour)
		runs, news := b.took()
		assert.Empty(t, runs)
		assert.Empty(t, news, "it was not due yet")
		b.pass(24 * time.Hour)
		runs, news = b.took()
		assert.Empty(t, runs)
		assert.Equal(t, []string{"overdue dump"}, news)
		b.pass(24 * time.Hour)
		_, news = b.took()
		assert.Equal(t, []string{"overdue dump"}, news, "a reminder each day")
		made.Store(b.clock.Now().UnixNano())
		b.pass(time.Minute)
		_, news = b.took()
		assert.Equal(t, []string{"recovered dump"}, news)
	})
}
