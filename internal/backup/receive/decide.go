package receive

import (
	"fmt"
	"time"
)

// Policy is what happens to commits while the receiver is away.
type Policy string

// The policies.
const (
	Wait    Policy = "wait"    // they wait until it is back
	Degrade Policy = "degrade" // after a while they go on without it, until it is back
)

// State is what a commit can rely on now.
type State string

// The states.
const (
	Starting State = "starting" // not switched on yet: the receiver has not caught up
	Zero     State = "zero"     // an acknowledged commit is at the receiver
	Waiting  State = "waiting"  // commits wait for a receiver that is away
	Degraded State = "degraded" // commits go on without the receiver
	Refused  State = "refused"  // the server's own settings stand in the way
	Unknown  State = "unknown"  // the server does not answer
)

// Observation is what the server says at one moment.
type Observation struct {
	Configured string // synchronous_standby_names
	Source     string // where that value comes from, as pg_settings says
	Commit     string // synchronous_commit, the server's default

	Streaming bool
	Sync      bool // the server counts on it
	Flushed   LSN  // synced by the receiver; 0 when it is not connected
	Current   LSN  // synced by the server
	Waiting   int  // sessions whose commit waits

	Slot    string // wal_status of the receiver's slot: reserved, extended, unreserved, lost; "" is no slot
	Held    int64  // bytes of WAL that the slot keeps on the database's disk
	MaxHeld int64  // bound of that in bytes, max_slot_wal_keep_size; -1 is none
}

// Behind is how much the receiver lacks, in bytes.
func (o Observation) Behind() int64 { return max(0, int64(o.Current)-int64(o.Flushed)) }

// caughtUp is the lag in bytes up to which commits may begin to wait: a segment, which
// is sent in a moment.
const caughtUp = 16 << 20

// action is what is to be done to the server.
type action string

const (
	nothing   action = ""
	switchOn  action = "switch on"
	switchOff action = "switch off"
)

// memory is what decide remembers from one observation to the next.
type memory struct {
	state    State
	flushed  LSN       // of the last observation
	well     time.Time // when the receiver last was there and not stuck
	wellOnce bool
	why      string // of Refused
}

// away is how long the receiver has been so.
func (m memory) away(now time.Time) time.Duration { return max(0, now.Sub(m.well)) }

// decide says what the state is, and what to do. It is called with the same memory again
// and again; well is set by the first call.
func decide(p Policy, after time.Duration, m memory, o Observation, now time.Time) (memory, action) {
	if m.well.IsZero() {
		m.well = now
	}
	// Connected is not enough: a paused receiver is connected until a timeout. It is well if it
	// has everything, or moved on.
	well := o.Streaming && (o.Behind() == 0 || o.Flushed > m.flushed)
	if well {
		m.well, m.wellOnce = now, true
	}
	m.flushed, m.why = o.Flushed, ""
	late := !well && now.Sub(m.well) >= after
	if m.why = obstacle(o); m.why != "" {
		m.state = Refused
		if o.Configured == names && o.Commit == "remote_apply" {
			return m, switchOff // nothing could ever commit
		}
		return m, nothing
	}
	switch on := o.Configured == names; {
	case on && late && p == Degrade:
		m.state = Degraded
		return m, switchOff
	case on && late:
		m.state = Waiting
	case on && o.Sync && well:
		m.state = Zero
	case on && (m.state == "" || m.state == Unknown):
		m.state = Starting // after a restart of this program or of the server
	case on: // a moment without it, or just switched on: as it was
	case well && o.Behind() <= caughtUp:
		if m.state != Degraded {
			m.state = Starting
		}
		return m, switchOn
	case late:
		// Not on, and nobody to switch it on for. What waits is nothing, so under either policy
		// commits go on.
		m.state = Degraded
	case m.state != Degraded:
		m.state = Starting
	}
	return m, nothing
}

// names is the value of synchronous_standby_names that we set.
const names = Standby

// obstacle is what in the server's settings stands in the way, with the fix.
func obstacle(o Observation) string {
	switch {
	case o.Configured != "" && o.Configured != names:
		return fmt.Sprintf("synchronous_standby_names is %q, which is not ours, and is left alone; remove it (ALTER SYSTEM RESET synchronous_standby_names, and reload), or set RPO=archive", o.Configured)
	case o.Configured == "" && (o.Source == "command line" || o.Source == "override"):
		return "synchronous_standby_names is set on the server's command line, which nothing else can change; remove it there, or set RPO=archive"
	case o.Commit == "off" || o.Commit == "local":
		return fmt.Sprintf("synchronous_commit is %s: commits are acknowledged before the receiver has them; set it to on, or set RPO=archive", o.Commit)
	case o.Commit == "remote_apply":
		return "synchronous_commit is remote_apply: the receiver applies nothing, so every commit would wait for ever; set it to on, or set RPO=archive"
	}
	return ""
}
