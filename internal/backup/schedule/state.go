package schedule

import (
	"slices"
	"time"
)

// The events of the journal.
const (
	EventSeen    = "seen"    // the job is known from now on; nothing before is caught up
	EventStart   = "start"   // a run begins
	EventRetry   = "retry"   // an attempt failed, another one follows
	EventEnd     = "end"     // a run ended, see Outcome
	EventSkip    = "skip"    // a time passed without a run, see Reason
	EventFound   = "found"   // somebody else made what the job makes, see At
	EventOverdue = "overdue" // somebody was told that a success is missing
	EventState   = "state"   // what older, forgotten entries came to
)

// The outcomes of a run.
const (
	Succeeded = "success"
	FailedRun = "failed"  // after the last attempt
	Stopped   = "stopped" // the scheduler was told to end
	Aborted   = "aborted" // its process died, or the run did not end when it was told to
)

// Entry is a line of the journal.
type Entry struct {
	Time    time.Time  `json:"time"` // UTC
	Event   string     `json:"event"`
	Job     string     `json:"job"`
	Run     string     `json:"run,omitempty"`
	Slot    *time.Time `json:"slot,omitempty"` // the time that it was due
	Missed  int        `json:"missed,omitempty"`
	Attempt int        `json:"attempt,omitempty"`
	Outcome string     `json:"outcome,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	Error   string     `json:"error,omitempty"`
	Seconds float64    `json:"seconds,omitempty"` // by a clock that does not step
	Backup  string     `json:"backup,omitempty"`
	Size    int64      `json:"size,omitempty"`
	At      *time.Time `json:"at,omitempty"` // when what was found was finished
	State   *State     `json:"state,omitempty"`
}

// State is what the journal comes to for one job.
type State struct {
	Since   time.Time      `json:"since"`
	Handled []time.Time    `json:"handled,omitempty"` // times that need no run any more, newest last
	Running *Entry         `json:"running,omitempty"` // its start
	Success *Entry         `json:"success,omitempty"` // the last good end
	Failure *Entry         `json:"failure,omitempty"` // the last bad end
	InARow  int            `json:"in_a_row"`          // bad ends since the last good one
	Runs    int            `json:"runs"`              // starts ever
	Ends    map[string]int `json:"ends,omitempty"`    // ends ever, by outcome
	Alarmed time.Time      `json:"alarmed"`           // when somebody was last told that it is overdue
	Again   time.Time      `json:"again"`             // the time for which a broken run was given another chance
}

// keepHandled is enough for a clock that was wrong for a while.
const keepHandled = 100

// apply is one step of the fold over the journal.
func (s State) apply(e Entry) State {
	slot := time.Time{}
	if e.Slot != nil {
		slot = *e.Slot
	}
	switch e.Event {
	case EventState:
		if e.State != nil {
			return *e.State
		}
	case EventSeen:
		s.Since = e.Time
	case EventSkip:
		s = s.handle(slot)
	case EventStart:
		s = s.handle(slot)
		s.Running = &e
		s.Runs++
	case EventFound:
		if e.At != nil {
			e.Time = *e.At
			s.Success, s.InARow, s.Alarmed = &e, 0, time.Time{}
		}
	case EventOverdue:
		s.Alarmed = e.Time
	case EventEnd:
		s.Running = nil
		ends := map[string]int{e.Outcome: 1}
		for k, n := range s.Ends {
			ends[k] += n
		}
		s.Ends = ends
		if e.Outcome == Succeeded {
			s.Success, s.InARow = &e, 0
			break
		}
		s.Failure = &e
		if e.Outcome != Stopped { // a restart is nobody's failure
			s.InARow++
		}
		// A run that did not come to its end for a reason outside of it gets one more chance; one that
		// brings the machine down each time does not.
		if (e.Outcome == Stopped || e.Outcome == Aborted) && !s.Again.Equal(slot) {
			s.Handled, s.Again = forget(s.Handled, slot), slot
		}
	}
	return s
}

// outdone says whether something that was finished at a time is newer than all that the job
// came to. A time in the future is of a wrong clock.
func (s State) outdone(at, now time.Time) bool {
	return s.Running == nil && !at.After(now) && at.After(s.Since) &&
		(s.Success == nil || at.After(s.Success.Time)) && (s.Failure == nil || at.After(s.Failure.Time))
}

func (s State) handle(slot time.Time) State {
	s.Handled = append(forget(s.Handled, slot), slot)
	if n := len(s.Handled) - keepHandled; n > 0 {
		s.Handled = slices.Clone(s.Handled[n:])
	}
	return s
}
