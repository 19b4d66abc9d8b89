package report

import (
	"cmp"
	"slices"
	"time"

	"drydock/internal/deploy"
	"drydock/internal/stack"
)

// Problem is something that a person should look at.
type Problem struct {
	Part string `json:"part"` // the id of the section that shows it
	What string `json:"what"`
}

// When things begin to count as a problem.
const (
	certificateSoon = 14 * 24 * time.Hour
	drillOld        = 8 * 24 * time.Hour // where DRILL_MAX_AGE is no bound: a week and a day
)

// ended says of the outcomes that a person should look at what they mean. One that a person
// stopped is no news to that person.
var ended = map[deploy.Outcome]string{
	deploy.Failed:      "failed; the release before it never stopped serving",
	deploy.Returned:    "was taken back after the switch; the release before it serves again",
	deploy.Interrupted: "was cut off; the next one put everything back",
	deploy.Stuck:       "failed and was not put back; the next one does that",
}

// Problems are what is wrong now, the worst first.
func (r Report) Problems() (list []Problem) {
	add := func(part, what string) { list = append(list, Problem{part, what}) }
	for _, s := range r.Services {
		if s.State != "running" || s.Health == "unhealthy" || s.Health == "starting" {
			add("services", s.Service+" is "+word(s))
		}
	}
	if d := r.Deploy; d != nil {
		switch {
		case !d.Situation.Gateway:
			add("releases", "the gateway does not answer")
		case d.Situation.Maintenance:
			add("releases", "maintenance is on: every request is answered with 503")
		}
		if d.Under != nil && (d.Lock == nil || !d.Lock.Alive) {
			add("releases", "a deploy was cut off at the step "+string(d.Under.Step)+"; the next one puts that in order")
		}
	}
	if n := len(r.History); n > 0 {
		if what := ended[r.History[n-1].Outcome]; what != "" {
			add("deploys", "the last deploy "+what)
		}
	}
	for _, b := range r.Backups {
		if b.Damaged != nil {
			add("backups", "backup "+b.ID+" is damaged: "+b.Damaged.Reason)
		}
	}
	if r.Missing["backups"] == "" {
		for _, what := range r.backupProblems() {
			add("backups", what)
		}
	}
	for _, w := range r.Windows {
		if w.Gap != "" {
			add("window", "the log after backup "+w.Backup+" has a gap")
		}
	}
	switch n := len(r.Drills); {
	case r.Missing["drills"] != "" || r.Mode == "dev" && n == 0:
	case n == 0:
		add("drills", "no backup has been proven by a drill yet")
	case !r.Drills[n-1].Passed:
		add("drills", "the last drill failed")
	case r.Made.Sub(r.Drills[n-1].Started) > cmp.Or(r.DrillAge, drillOld):
		add("drills", "the last drill was "+stack.Duration(r.Made.Sub(r.Drills[n-1].Started))+" ago")
	}
	if c := r.Certificate; c != nil {
		for _, what := range c.Problems(r.Made) {
			add("certificate", what)
		}
	}
	if r.Disk != nil {
		for _, s := range r.Disk.Space {
			if r.Disk.Limit.Short(s) {
				add("disk", s.Says())
			}
		}
	}
	for _, part := range slices.Sorted(keysOf(r.Missing)) {
		add(part, "not known: "+r.Missing[part])
	}
	return list
}

// Problems are what is wrong with the certificate now.
func (c Certificate) Problems(now time.Time) (list []string) {
	switch {
	case c.Error != "":
		list = append(list, c.Error)
	case c.Expires != nil && c.Expires.Before(now):
		list = append(list, "the certificate has expired")
	case c.Expires != nil && c.Expires.Sub(now) < certificateSoon:
		list = append(list, "the certificate ends in "+stack.Duration(c.Expires.Sub(now)))
	}
	if c.Renewal != nil && c.Renewal.Failed {
		list = append(list, "the last renewal of the certificate failed: "+c.Renewal.Error)
	}
	return list
}

// backupProblems looks at each series by itself: fresh dumps say nothing about physical
// backups, nor about the second repository's.
func (r Report) backupProblems() (list []string) {
	newest := func(want Expected) (at time.Time) {
		for _, b := range r.Backups {
			fits := b.Kind == want.Kind && b.Place == want.Place || want.Kind == "" && b.Kind != "config"
			if fits && b.Damaged == nil && b.Finished.After(at) {
				at = b.Finished
			}
		}
		return at
	}
	if newest(Expected{}).IsZero() {
		return []string{"there is no good backup of the database"}
	}
	for _, want := range r.Expected {
		what := map[bool]string{true: "dump of the database", false: "physical backup of the database"}[want.Kind == "dump"]
		if want.Place != "" {
			what += " in the repository " + want.Place
		}
		switch at := newest(want); {
		case want.Since.IsZero():
		case at.IsZero():
			list = append(list, "there is no good "+what)
		case at.Before(want.Since):
			list = append(list, "the newest good "+what+" is "+stack.Duration(r.Made.Sub(at))+" old; one was due at "+want.Since.UTC().Format("2006-01-02 15:04")+" UTC")
		}
	}
	return list
}

func word(s stack.Status) string {
	if s.State == "running" && s.Health != "" {
		return s.Health
	}
	return s.State
}
