package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Job is something that is to run again and again.
type Job struct {
	Name  string // unique, e.g. "full"; it is the journal's and the metrics' name
	Line  Line
	Group string // jobs of one group never run at the same time; empty is none
	// Wait: when it is due while it or its group runs, it waits, and runs once after that. Else
	// it is skipped; then it may come to be overdue although the other one succeeded.
	Wait bool

	Timeout    time.Duration // of one attempt; 0 is none
	Attempts   int           // at least 1
	Backoff    time.Duration // before the second attempt; doubled for each further one
	MaxBackoff time.Duration // at most that; an hour when 0
	Grace      time.Duration // how long after its time a success may come before it is overdue

	// Newest, if not nil, finds the newest good thing of the kind that the job makes, whoever made
	// it. One that is newer than the job's last end counts as a success.
	Newest func() (Found, bool)

	// Do does it. Its error is journalled and told as it is: secrets are masked in it already.
	// Nil: somebody else does it, and Newest finds what came of it; here it is only told when
	// nothing comes.
	Do func(context.Context, Run) (Result, error)
}

// Run is one run, as its job sees it.
type Run struct {
	ID      string
	Job     string
	Slot    time.Time // the time it was due
	Attempt int       // from 1
}

// Result is what a successful run made.
type Result struct {
	Backup string // its id
	Size   int64  // bytes
}

// Found is what a job would have made, and somebody else did.
type Found struct {
	Result
	At   time.Time // when it was finished
	Took time.Duration
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks a failure that trying again will not mend.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// Validate says what is wrong with a set of jobs.
func Validate(jobs []Job) error {
	var errs []error
	seen := map[string]bool{}
	for _, j := range jobs {
		switch {
		case j.Name == "":
			errs = append(errs, errors.New("a job has no name"))
		case seen[j.Name]:
			errs = append(errs, fmt.Errorf("two jobs are called %q", j.Name))
		case j.Line.spec == nil:
			errs = append(errs, fmt.Errorf("the job %q has no cron line", j.Name))
		case j.Do == nil && j.Newest == nil:
			errs = append(errs, fmt.Errorf("the job %q has nothing to do, and nothing to look at", j.Name))
		case j.Attempts < 1:
			errs = append(errs, fmt.Errorf("the job %q has %d attempts; give 1 or more", j.Name, j.Attempts))
		}
		seen[j.Name] = true
	}
	return errors.Join(errs...)
}

// Action is what is to happen with a job that is due.
type Action string

// The actions.
const (
	Start Action = "start"
	Skip  Action = "skip" // and note it
	Hold  Action = "hold" // it waits: the next plan decides
)

// Decision is one job that is due.
type Decision struct {
	Job    Job
	Slot   time.Time // the newest time that it is due for
	Missed int       // how many earlier ones this run stands for as well
	Action Action
	Reason string // why it is not simply started on time
}

// late is how long after its time a start is still no catching up.
const late = 2 * time.Minute

// Due decides what is to be done now. It is pure. Jobs that come first go first.
func Due(jobs []Job, states map[string]State, now time.Time) []Decision {
	busy := map[string]string{} // group -> the job that runs
	for _, j := range jobs {
		if states[j.Name].Running != nil && j.Group != "" {
			busy[j.Group] = j.Name
		}
	}
	var all []Decision
	for _, j := range jobs {
		if j.Do == nil {
			continue
		}
		st := states[j.Name]
		since, ok := st.handledUntil(now)
		if !ok {
			continue
		}
		slot, count := j.Line.Latest(since, now)
		if count == 0 {
			continue
		}
		d := Decision{Job: j, Slot: slot, Missed: count - 1, Action: Start}
		if d.Missed > 0 || now.Sub(slot) > late {
			d.Reason = fmt.Sprintf("caught up: it was due at %s", slot.Format(time.RFC3339))
			if d.Missed > 0 {
				d.Reason += fmt.Sprintf(" and %d times before", d.Missed)
			}
		}
		holder := ""
		if st.Running != nil {
			holder = "it still runs"
		} else if other := busy[j.Group]; j.Group != "" && other != "" {
			holder = other + " runs"
		}
		switch {
		case holder != "" && j.Wait:
			d.Action, d.Reason = Hold, holder
		case holder != "":
			d.Action, d.Reason = Skip, holder
		case j.Group != "":
			busy[j.Group] = j.Name
		}
		all = append(all, d)
	}
	return all
}

// handledUntil is the newest time that needs no run any more. Times later than now are of
// a clock that was ahead: each of them is done when its time comes, and no more than that.
func (s State) handledUntil(now time.Time) (time.Time, bool) {
	var newest time.Time
	for _, t := range s.Handled {
		if !t.After(now) && t.After(newest) {
			newest = t
		}
	}
	if !newest.IsZero() {
		return newest, true
	}
	return s.Since, !s.Since.IsZero() && !s.Since.After(now)
}

// Lateness says how a job stands.
type Lateness struct {
	Overdue bool
	Alarm   bool          // tell somebody now
	Since   time.Time     // the last success, or when the job became known
	Due     time.Time     // when the next success was, or will be, due, grace not counted
	Lag     time.Duration // since Since; never negative
}

// repeatAlarm is how often somebody is reminded.
const repeatAlarm = 24 * time.Hour

// trustAhead is how far in the future a success may lie and still count as one of just now.
const trustAhead = 26 * time.Hour

// Overdue says whether a success is missing for longer than the job's line and grace
// allow, whatever happened meanwhile: failures, a stopped scheduler, a skipped run. It is pure.
func Overdue(j Job, st State, now time.Time) Lateness {
	since := st.Since
	if ok := st.Success; ok != nil {
		switch at := ok.Time; {
		case !at.After(now):
			since = at
		case at.Sub(now) <= trustAhead: // the clock stepped back
			since = now
		}
	}
	if since.IsZero() || since.After(now) {
		since = now
	}
	l := Lateness{Since: since, Due: j.Line.Next(since), Lag: now.Sub(since)}
	l.Overdue = !l.Due.IsZero() && now.After(l.Due.Add(j.Grace))
	told := st.Alarmed.After(since) && !st.Alarmed.After(now) && now.Sub(st.Alarmed) < repeatAlarm
	l.Alarm = l.Overdue && !told
	return l
}

// forget drops a time from those that are done.
func forget(list []time.Time, t time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(list), t.Equal)
}
