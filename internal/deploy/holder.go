package deploy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// The labels of the lock: who holds it.
const (
	labelHolder  = "drydock.deploy.holder"
	labelHost    = "drydock.deploy.host"
	labelPid     = "drydock.deploy.pid"
	labelSince   = "drydock.deploy.since"
	labelVersion = "drydock.deploy.version"
	labelWhat    = "drydock.deploy.kind"
)

// Holder is who holds the lock, or held it.
type Holder struct {
	By      string    `json:"by"`
	Host    string    `json:"host"`
	Pid     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Version string    `json:"version"`
	Kind    Kind      `json:"kind"`
	Alive   bool      `json:"alive"`

	container string
}

// String is how a person reads of it.
func (h Holder) String() string {
	return fmt.Sprintf("%s on %s (process %d), %s of %s since %s", h.By, h.Host, h.Pid, h.Kind, h.Version, h.Since.Local().Format(time.DateTime))
}

func holderOf(c engine.Container, now time.Time) Holder {
	l := c.Labels
	pid, _ := strconv.Atoi(l[labelPid])
	since, err := time.Parse(time.RFC3339, l[labelSince])
	if err != nil {
		since = c.Created
	}
	h := Holder{By: l[labelHolder], Host: l[labelHost], Pid: pid, Since: since, Version: l[labelVersion], Kind: Kind(l[labelWhat]), container: c.ID}
	switch c.State {
	case engine.Running, engine.Paused, engine.Restarting:
		h.Alive = true
	case engine.Created:
		h.Alive = now.Sub(c.Created) < startGrace
	}
	return h
}

// BusyError is a lock that somebody else holds.
type BusyError struct {
	Holder  Holder
	Step    Step
	Command string // to look at it
}

// Error says who, where, since when, and what is being done.
func (e *BusyError) Error() string {
	step := ""
	if e.Step != "" {
		step = fmt.Sprintf(", at the step %q", e.Step)
	}
	return fmt.Sprintf("somebody else is deploying: %s%s; wait for it, or look: %s", e.Holder, step, e.Command)
}

// ExitCode is the one of things that are held by somebody else.
func (e *BusyError) ExitCode() int { return run.CodeBusy }

// holder looks who has the lock; nil: nobody.
func (d *Deployer) holder(ctx context.Context) (*Holder, error) {
	c, err := d.Stack.Engine.Container(ctx, d.lockName())
	if errors.Is(err, engine.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h := holderOf(c, time.Now())
	return &h, nil
}

// busy is the error for a lock that is held.
func (d *Deployer) busy(ctx context.Context, h Holder) error {
	e := &BusyError{Holder: h, Command: d.Stack.DeployCommand("deploy:status")}
	if data, err := d.Stack.Engine.ReadFile(ctx, h.container, statePath+"/"+currentFile); err == nil {
		if j, err := parseJournal(data); err == nil {
			e.Step = j.Step
		}
	}
	return e
}
