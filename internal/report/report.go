package report

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"

	"drydock/internal/deploy"
	"drydock/internal/disk"
	"drydock/internal/drill"
	"drydock/internal/stack"
)

// Report is an environment at one moment. Its JSON form is stable.
type Report struct {
	Project     string            `json:"project"`
	Env         string            `json:"env"`
	Mode        string            `json:"mode"`
	URL         string            `json:"url"`
	Made        time.Time         `json:"made"`
	Services    []stack.Status    `json:"services"`
	Deploy      *deploy.Status    `json:"deploy"`  // null: not known
	History     deploy.History    `json:"history"` // oldest first
	Backups     []Backup          `json:"backups"` // oldest first
	Expected    []Expected        `json:"backups_expected"`
	Failures    []Failure         `json:"backup_failures"`
	Windows     []Window          `json:"recovery_windows"`
	Drills      []*drill.Evidence `json:"drills"` // oldest first
	Certificate *Certificate      `json:"certificate"`
	Disk        *Disk             `json:"disk"`
	Images      []Image           `json:"images"`
	DrillAge    time.Duration     `json:"-"` // DRILL_MAX_AGE; 0 is no bound
	// Missing says for a part (services, releases, backups, ...) why it could not be told.
	Missing map[string]string `json:"missing,omitempty"`
}

// Backup is one backup, as the service lists it.
type Backup struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`  // dump, config, physical
	Level    string    `json:"level"` // full, differential, incremental
	Parent   string    `json:"parent,omitempty"`
	Database string    `json:"database,omitempty"`
	Place    string    `json:"repository,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Seconds  float64   `json:"seconds"`
	OnDisk   int64     `json:"on_disk"` // bytes
	Proofs   []struct {
		Drill string    `json:"drill"`
		At    time.Time `json:"at"`
	} `json:"proofs,omitempty"`
	Damaged *struct {
		Reason string `json:"reason"`
	} `json:"damaged,omitempty"`
}

// Expected is a series of backups that the settings want.
type Expected struct {
	Kind  string    `json:"kind"`                 // dump, physical
	Place string    `json:"repository,omitempty"` // of physical ones
	Since time.Time `json:"since,omitzero"`       // there has to be one from after that; zero: the first is not due yet
}

// Failure is a run that made no backup.
type Failure struct {
	Kind     string    `json:"kind"`
	Database string    `json:"database,omitempty"`
	Started  time.Time `json:"started"`
	Reason   string    `json:"reason"`
}

// Window is a span of time to any moment of which the database can be brought back.
type Window struct {
	Backup string    `json:"backup"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Gap    string    `json:"gap,omitempty"` // the first piece of the log that is missing
}

// Certificate is the one that the entrance shows.
type Certificate struct {
	Source  string     `json:"source"`  // off, local, files, acme
	Expires *time.Time `json:"expires"` // null: not known
	Error   string     `json:"error,omitempty"`
	Renewal *Renewal   `json:"renewal,omitempty"` // null: nothing in the environment renews it
}

// Renewal is how the last attempt to renew the certificate went, as the gateway says.
type Renewal struct {
	Failed      bool       `json:"failed"`
	Error       string     `json:"error,omitempty"`
	Failures    int        `json:"failures,omitempty"` // in a row
	LastAttempt *time.Time `json:"last_attempt,omitempty"`
	NextAttempt *time.Time `json:"next_attempt,omitempty"`
	Placeholder bool       `json:"placeholder,omitempty"` // no real certificate yet: browsers warn
}

// Disk is what the engine's objects take, in bytes.
type Disk struct {
	Layers     int64    `json:"image_layers"` // of all images on the engine
	Containers int64    `json:"containers"`
	BuildCache int64    `json:"build_cache"`
	Volumes    []Volume `json:"volumes"` // the environment's own, the largest first
	// What is left on the disks, and how much has to be; empty: not known.
	Space []disk.Disk `json:"space"`
	Limit disk.Limit  `json:"limit"`
}

// Volume is one volume of the environment.
type Volume struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes; -1 when the driver cannot tell
}

// Image is one image that the environment runs.
type Image struct {
	Name    string    `json:"name"`
	ID      string    `json:"id"`
	Size    int64     `json:"size"` // bytes, all layers
	Created time.Time `json:"created"`
	Used    int       `json:"containers"`
}

// Write writes the page, or with the format json the data.
func (r Report) Write(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.Page(w)
}

// Chain is a full backup and those that need it.
type Chain struct {
	Root    Backup
	Members []Backup // the root first, then by time
	Broken  bool     // one of them is damaged, or its parent is not there
}

// Size is what the chain occupies.
func (c Chain) Size() (n int64) {
	for _, b := range c.Members {
		n += b.OnDisk
	}
	return n
}

// Proven is when a member of it was last restored in a drill; zero for never.
func (c Chain) Proven() (at time.Time) {
	for _, b := range c.Members {
		for _, p := range b.Proofs {
			if p.At.After(at) {
				at = p.At
			}
		}
	}
	return at
}

// Last is the newest member.
func (c Chain) Last() Backup { return c.Members[len(c.Members)-1] }

// Chains puts backups together with what they need, the newest first. One whose parent is
// not there is a chain of its own, and a broken one.
func Chains(list []Backup) []Chain {
	byID := map[string]Backup{}
	for _, b := range list {
		byID[b.ID] = b
	}
	roots := map[string]*Chain{}
	for _, b := range list {
		root, broken := b, b.Damaged != nil
		for range len(list) { // a loop in the parents is no reason to hang
			if root.Parent == "" {
				break
			}
			next, ok := byID[root.Parent]
			if !ok {
				broken = true
				break
			}
			broken = broken || next.Damaged != nil
			root = next
		}
		c := roots[root.ID]
		if c == nil {
			c = &Chain{Root: root}
			roots[root.ID] = c
		}
		c.Members, c.Broken = append(c.Members, b), c.Broken || broken
	}
	var chains []Chain
	for _, c := range roots {
		slices.SortFunc(c.Members, func(a, b Backup) int { return cmp.Or(a.Finished.Compare(b.Finished), cmp.Compare(a.ID, b.ID)) })
		chains = append(chains, *c)
	}
	slices.SortFunc(chains, func(a, b Chain) int {
		return cmp.Or(b.Last().Finished.Compare(a.Last().Finished), cmp.Compare(a.Root.ID, b.Root.ID))
	})
	return chains
}
