package schedule

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// end is how a run ended.
type end struct {
	result  Result
	err     error
	stopped bool
	attempt int
	took    time.Duration
}

func (r *Runner) start(d Decision) Run {
	run := Run{ID: fmt.Sprintf("%s-%06d", d.Job.Name, r.States()[d.Job.Name].Runs+1), Job: d.Job.Name, Slot: d.Slot}
	r.record(Entry{Event: EventStart, Job: run.Job, Run: run.ID, Slot: utc(run.Slot), Missed: d.Missed, Reason: d.Reason})
	return run
}

// try makes attempts until one succeeds, they are used up, one fails for good, or the
// context ends. The group stays taken while it waits between two of them.
func (r *Runner) try(ctx context.Context, j Job, run Run) end {
	backoff := j.Backoff
	for n := 1; ; n++ {
		run.Attempt = n
		result, err := attempt(ctx, j, run)
		e := end{result: result, err: err, attempt: n}
		if err == nil {
			return e
		}
		if ctx.Err() != nil {
			e.stopped = true
			return e
		}
		if permanent := (permanentError{}); n >= j.Attempts || errors.As(err, &permanent) {
			return e
		}
		r.record(Entry{Event: EventRetry, Job: j.Name, Run: run.ID, Slot: utc(run.Slot), Attempt: n, Error: err.Error(), Reason: "again in " + backoff.String()})
		select {
		case <-ctx.Done():
			e.stopped = true
			return e
		case <-r.o.Clock.After(backoff):
		}
		most := j.MaxBackoff
		if most == 0 {
			most = time.Hour
		}
		backoff = min(2*backoff, most)
	}
}

// attempt is one attempt. A panic is a failure of this job and not the end of the others.
func attempt(ctx context.Context, j Job, run Run) (_ Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if j.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, j.Timeout, fmt.Errorf("it took longer than %s", j.Timeout))
		defer cancel()
	}
	result, err := j.Do(ctx, run)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return result, err
}

func (r *Runner) finish(j Job, run Run, e end) {
	before := r.States()[j.Name]
	entry := Entry{Event: EventEnd, Job: j.Name, Run: run.ID, Slot: utc(run.Slot), Attempt: e.attempt, Outcome: Succeeded, Backup: e.result.Backup, Size: e.result.Size}
	entry.Seconds = e.took.Seconds()
	event := Event{What: TellSucceeded, Job: j.Name, Result: e.result, Duration: e.took}
	switch {
	case e.stopped:
		entry.Outcome, entry.Error, event.What = Stopped, e.err.Error(), ""
	case e.err != nil:
		entry.Outcome, entry.Error = FailedRun, e.err.Error()
		event.What, event.Error = TellFailed, e.err.Error()
	}
	r.record(entry)
	if event.What != "" {
		r.tell(event)
	}
	if event.What == TellSucceeded && before.wasBad() {
		event.What = TellRecovered
		r.tell(event)
	}
	select {
	case r.ended <- struct{}{}:
	default: // the loop has not looked yet, and will
	}
}

// wasBad says whether somebody was told that something is wrong with it.
func (s State) wasBad() bool {
	return s.InARow > 0 || s.Success == nil && !s.Alarmed.IsZero() || s.Success != nil && s.Alarmed.After(s.Success.Time)
}
