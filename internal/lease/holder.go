package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	osuser "os/user"
	"strconv"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// The labels of a lease: who holds it.
const (
	labelHolder  = "drydock.lock.holder"
	labelHost    = "drydock.lock.host"
	labelPid     = "drydock.lock.pid"
	labelSince   = "drydock.lock.since"
	labelVersion = "drydock.lock.version"
	labelWhat    = "drydock.lock.kind"
)

// Holder is who holds a lease, or held it.
type Holder struct {
	By      string    `json:"by"`
	Host    string    `json:"host"`
	Pid     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Version string    `json:"version"` // what is deployed or restored; may be empty
	Kind    string    `json:"kind"`    // what is done
	Alive   bool      `json:"alive"`

	Container string `json:"-"` // its id
}

// What a lease is taken for, apart from the kinds of deploys.
const (
	Restore = "restore in place"
	Drill   = "restore drill"
)

// Me is this process as a holder; by as for [By].
func Me(by, kind, version string) Holder {
	return Holder{By: By(by), Host: Host(), Pid: os.Getpid(), Since: time.Now().UTC(), Version: version, Kind: kind, Alive: true}
}

// By is who is at work: the name that a setting gives, or the user's.
func By(set string) string {
	if set != "" {
		return set
	}
	if u, err := osuser.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// Host is the machine's name.
func Host() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// String is how a person reads of it.
func (h Holder) String() string {
	what := h.Kind
	if h.Version != "" {
		what += " of " + h.Version
	}
	return fmt.Sprintf("%s on %s (process %d), %s since %s", h.By, h.Host, h.Pid, what, h.Since.Local().Format(time.DateTime))
}

func (h Holder) labels(others map[string]string) map[string]string {
	l := maps.Clone(others)
	if l == nil {
		l = map[string]string{}
	}
	l[labelHolder], l[labelHost], l[labelPid] = h.By, h.Host, strconv.Itoa(h.Pid)
	l[labelSince], l[labelVersion], l[labelWhat] = h.Since.UTC().Format(time.RFC3339), h.Version, h.Kind
	return l
}

// HolderOf reads the holder from a lease's container.
func HolderOf(c engine.Container, now time.Time) Holder {
	l := c.Labels
	pid, _ := strconv.Atoi(l[labelPid])
	since, err := time.Parse(time.RFC3339, l[labelSince])
	if err != nil {
		since = c.Created
	}
	h := Holder{By: l[labelHolder], Host: l[labelHost], Pid: pid, Since: since, Version: l[labelVersion], Kind: l[labelWhat], Container: c.ID}
	switch c.State {
	case engine.Running, engine.Paused, engine.Restarting:
		h.Alive = true
	case engine.Created:
		h.Alive = now.Sub(c.Created) < startGrace
	}
	return h
}

// Look says who has a lease, alive or dead; nil: nobody.
func Look(ctx context.Context, e *engine.Client, name string) (*Holder, error) {
	c, err := e.Container(ctx, name)
	if errors.Is(err, engine.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h := HolderOf(c, time.Now())
	return &h, nil
}

// HeldError is a lease that a living process holds.
type HeldError struct{ Holder Holder }

func (e *HeldError) Error() string {
	return fmt.Sprintf("somebody else is at work: %s; wait until that is done", e.Holder)
}

// ExitCode is the one of things that are held by somebody else.
func (e *HeldError) ExitCode() int { return run.CodeBusy }
