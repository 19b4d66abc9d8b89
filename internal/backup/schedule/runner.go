package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Clock is the time, so that tests can have their own. Now may step; what After waits for does not.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// RealClock is the machine's.
type RealClock struct{}

// Now is time.Now.
func (RealClock) Now() time.Time { return time.Now() }

// After is time.After.
func (RealClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// What a person may want to be told.
const (
	TellFailed    = "failed"    // after the last attempt
	TellAborted   = "aborted"   // the process of a run died; found at the start
	TellOverdue   = "overdue"   // once, then daily
	TellRecovered = "recovered" // a success after one of these, also one that somebody else made
	TellSucceeded = "succeeded"
	TellSkipped   = "skipped"
	TellJournal   = "journal" // the journal cannot be written
)

// Event is news of a job.
type Event struct {
	What     string
	Job      string
	Time     time.Time
	Duration time.Duration
	Error    string // also the reason of a skip
	Result   Result
	Next     time.Time // when the job runs next
}

// Options make a Runner.
type Options struct {
	Clock   Clock // RealClock when nil
	Jobs    []Job
	Journal Journal
	// Tell gets the news. It must not block: it is called between a run and its successor.
	Tell func(Event)
	// StopWithin is how long runs may take to end when the context does. 20 s when 0;
	// it must be shorter than what the container is given before it is killed.
	StopWithin time.Duration
}

// Runner runs jobs when they are due.
type Runner struct {
	o Options

	mu            sync.Mutex // of all below, and of the journal
	states        map[string]State
	journalErrors int
	journalBroken bool
	ended         chan struct{}
}

// wake is how often the clock is looked at: it may have been set, or the machine may have slept.
const wake = 30 * time.Second

// New checks the jobs and reads what the journal knows of them.
func New(o Options) (*Runner, error) {
	if err := Validate(o.Jobs); err != nil {
		return nil, fmt.Errorf("the schedule: %w", err)
	}
	if o.Clock == nil {
		o.Clock = RealClock{}
	}
	if o.Tell == nil {
		o.Tell = func(Event) {}
	}
	if o.StopWithin == 0 {
		o.StopWithin = 20 * time.Second
	}
	return &Runner{o: o, states: o.Journal.States(), ended: make(chan struct{}, 1)}, nil
}

// Run runs jobs until the context ends, then tells those at work to end and records them.
// The error names those that did not end in time; a schedule that was simply stopped has none.
func (r *Runner) Run(ctx context.Context) error {
	r.abortWhatDied()
	var wg sync.WaitGroup
	for ctx.Err() == nil {
		now := r.o.Clock.Now()
		r.see(now)
		r.find(now)
		for _, d := range Due(r.o.Jobs, r.States(), now) {
			switch d.Action {
			case Skip:
				r.record(Entry{Event: EventSkip, Job: d.Job.Name, Slot: utc(d.Slot), Missed: d.Missed, Reason: d.Reason})
				r.tell(Event{What: TellSkipped, Job: d.Job.Name, Error: d.Reason})
			case Start:
				run, began := r.start(d), r.o.Clock.Now()
				wg.Go(func() {
					e := r.try(ctx, d.Job, run)
					e.took = r.o.Clock.Now().Sub(began) // of one process: by the monotonic clock
					r.finish(d.Job, run, e)
				})
			}
		}
		r.alarm(now)
		select {
		case <-ctx.Done():
		case <-r.ended:
		case <-r.o.Clock.After(r.pause(now)):
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-r.o.Clock.After(r.o.StopWithin):
		return r.abandon()
	}
}

// States is a copy of what is known of each job.
func (r *Runner) States() map[string]State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.states)
}

// abortWhatDied ends the runs that a dead process left open.
func (r *Runner) abortWhatDied() {
	states := r.States()
	for _, job := range slices.Sorted(maps.Keys(states)) {
		started := states[job].Running
		if started == nil {
			continue
		}
		const why = "the scheduler ended in the middle of it: killed, or the machine went down"
		r.record(Entry{Event: EventEnd, Job: job, Run: started.Run, Slot: started.Slot, Outcome: Aborted, Error: why})
		r.tell(Event{What: TellAborted, Job: job, Error: why})
	}
}

// see notes jobs that are new, and starts counting anew for one that became known at a
// time that a wrong clock made up.
func (r *Runner) see(now time.Time) {
	states := r.States()
	for _, j := range r.o.Jobs {
		if since := states[j.Name].Since; since.IsZero() || since.After(now) {
			r.record(Entry{Event: EventSeen, Job: j.Name, Reason: j.Line.String()})
		}
	}
}

// find counts what others made, by hand as a rule.
func (r *Runner) find(now time.Time) {
	states := r.States()
	for _, j := range r.o.Jobs {
		if j.Newest == nil || states[j.Name].Running != nil {
			continue
		}
		f, ok := j.Newest()
		if !ok || !states[j.Name].outdone(f.At, now) {
			continue
		}
		r.record(Entry{Event: EventFound, Job: j.Name, Backup: f.Backup, Size: f.Size, Seconds: f.Took.Seconds(), At: utc(f.At)})
		if states[j.Name].wasBad() {
			r.tell(Event{What: TellRecovered, Job: j.Name, Result: f.Result, Duration: f.Took})
		}
	}
}

func (r *Runner) alarm(now time.Time) {
	states := r.States()
	for _, j := range r.o.Jobs {
		l := Overdue(j, states[j.Name], now)
		if !l.Alarm {
			continue
		}
		why := fmt.Sprintf("no success since %s; one was due at %s", l.Since.In(j.Line.Zone()).Format(time.RFC3339), l.Due.Format(time.RFC3339))
		r.record(Entry{Event: EventOverdue, Job: j.Name, Reason: why})
		r.tell(Event{What: TellOverdue, Job: j.Name, Error: why, Duration: l.Lag})
	}
}

// pause is how long nothing can become due.
func (r *Runner) pause(now time.Time) time.Duration {
	pause := wake
	for _, j := range r.o.Jobs {
		if next := j.Line.Next(now); !next.IsZero() {
			pause = min(pause, next.Sub(now))
		}
	}
	return max(pause, time.Millisecond)
}

func (r *Runner) record(e Entry) {
	e.Time = r.o.Clock.Now().UTC()
	r.mu.Lock()
	if open := r.states[e.Job].Running; e.Event == EventEnd && (open == nil || open.Run != e.Run) {
		r.mu.Unlock() // it was given up before it ended after all
		return
	}
	r.states[e.Job] = r.states[e.Job].apply(e)
	err := r.o.Journal.Append(e)
	first := err != nil && !r.journalBroken
	r.journalBroken = err != nil
	if err != nil {
		r.journalErrors++
	}
	r.mu.Unlock()
	if first {
		r.tell(Event{What: TellJournal, Job: e.Job, Error: err.Error()})
	}
}

func (r *Runner) tell(e Event) {
	e.Time = r.o.Clock.Now()
	for _, j := range r.o.Jobs {
		if j.Name == e.Job {
			e.Next = j.Line.Next(e.Time)
		}
	}
	r.o.Tell(e)
}

// abandon records the runs that did not end when they were told to.
func (r *Runner) abandon() error {
	var names []string
	states := r.States()
	for _, job := range slices.Sorted(maps.Keys(states)) {
		started := states[job].Running
		if started == nil {
			continue
		}
		names = append(names, job)
		r.record(Entry{
			Event: EventEnd, Job: job, Run: started.Run, Slot: started.Slot, Outcome: Aborted,
			Error: fmt.Sprintf("it did not end within %s after it was told to", r.o.StopWithin),
		})
	}
	if len(names) == 0 {
		return nil
	}
	return errors.New("stopping the scheduler: " + strings.Join(names, ", ") + " did not end within " + r.o.StopWithin.String())
}

func utc(t time.Time) *time.Time {
	t = t.UTC()
	return &t
}
