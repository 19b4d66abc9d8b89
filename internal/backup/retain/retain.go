package retain

import (
	"cmp"
	"fmt"
	"time"

	"drydock/internal/backup/store"
)

// Series is what backups are counted within.
type Series struct {
	Database   string `json:"database,omitempty"`
	Kind       string `json:"kind"`
	Repository string `json:"repository,omitempty"`
}

func (s Series) String() string {
	text := s.Kind
	if text == "" {
		text = "unknown kind"
	}
	if s.Database != "" {
		text += fmt.Sprintf(" of %q", s.Database)
	}
	if s.Repository != "" {
		text += " in repository " + s.Repository
	}
	return text
}

// State is what a backup is worth.
type State string

// The states of a backup.
const (
	Good    State = "good"
	Damaged State = "damaged" // found by verify, a drill or a restore
	Failed  State = "failed"  // a run that left nothing; it is here because it may be the newest
	Running State = "running" // not yet anything
)

// Backup is what retention has to know of one.
type Backup struct {
	ID       string    `json:"id"`
	Series   Series    `json:"series"`
	Sequence uint64    `json:"sequence"` // the order in which they were begun
	Time     time.Time `json:"time"`     // when it was begun, as its clock said
	Parent   string    `json:"parent,omitempty"`
	Size     int64     `json:"size"` // bytes that its removal gives back
	State    State     `json:"state"`
	Proven   bool      `json:"proven"` // by a drill
}

// FromStore turns what the repository knows into what retention has to know: the
// published backups, and the failed and running ones, which may be the newest.
func FromStore(backups []store.Backup, failures []store.Failure, running []store.Record) []Backup {
	all := make([]Backup, 0, len(backups)+len(failures)+len(running))
	for _, b := range backups {
		r := fromRecord(b.Record, Good)
		r.Proven = b.Proven() != nil
		if !b.Good() {
			r.State = Damaged
		}
		all = append(all, r)
	}
	for _, f := range failures {
		all = append(all, fromRecord(f.Record, Failed))
	}
	for _, r := range running {
		all = append(all, fromRecord(r, Running))
	}
	return all
}

func fromRecord(r store.Record, state State) Backup {
	return Backup{
		ID: r.ID, Series: Series{Database: r.Database, Kind: r.Kind, Repository: r.Repository},
		Sequence: store.Sequence(r.ID), Time: r.Started, Parent: r.Parent, Size: max(r.OnDisk, r.Size), State: state,
	}
}

// order compares by what was begun first.
func order(a, b Backup) int {
	return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
}

// Policy says what is to stay of one series. The counts are of roots. 0 keeps nothing by
// that rule; a policy without any rule is refused.
type Policy struct {
	Last     int            `json:"last"`
	Hourly   int            `json:"hourly"`
	Daily    int            `json:"daily"`
	Weekly   int            `json:"weekly"` // ISO weeks, from Monday
	Monthly  int            `json:"monthly"`
	Yearly   int            `json:"yearly"`
	MaxBytes int64          `json:"max_bytes"` // of the series together; 0 is no bound
	Zone     *time.Location `json:"-"`         // in which an hour, a day, ... begins
}

// Validate says what is wrong with a policy, and how to mend it.
func (p Policy) Validate() error {
	for _, r := range p.rules() {
		if r.count < 0 {
			return fmt.Errorf("retention: %s is %d; give 0 or more", r.name, r.count)
		}
	}
	switch {
	case p.MaxBytes < 0:
		return fmt.Errorf("retention: the bound on the size is %d bytes; give 0 (none) or more", p.MaxBytes)
	case p.Zone == nil:
		return fmt.Errorf("retention: no time zone is given; name the one in which days begin, e.g. UTC or Europe/Berlin")
	case p.Last+p.Hourly+p.Daily+p.Weekly+p.Monthly+p.Yearly == 0 && p.MaxBytes == 0:
		return fmt.Errorf("retention: the policy keeps nothing; give at least one of last, hourly, daily, weekly, monthly, yearly, or a bound on the size")
	}
	return nil
}

type rule struct {
	name   string
	count  int
	period func(time.Time) string // which period a time lies in, for people
}

func (p Policy) rules() []rule {
	return []rule{
		{"last", p.Last, nil},
		// With the offset: the hour that a clock change repeats is two hours.
		{"hourly", p.Hourly, func(t time.Time) string { return t.Format("2006-01-02 15h -0700") }},
		{"daily", p.Daily, func(t time.Time) string { return t.Format("2006-01-02") }},
		{"weekly", p.Weekly, func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprintf("%04d-W%02d", y, w) }},
		{"monthly", p.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
		{"yearly", p.Yearly, func(t time.Time) string { return t.Format("2006") }},
	}
}
