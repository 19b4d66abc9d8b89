package physical

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"drydock/internal/run"
)

// Backup is what a repository knows of one of its backups.
type Backup struct {
	Label    string    `json:"label"`   // 20260131-010000F_20260201-010000I
	Type     string    `json:"type"`    // full, diff or incr
	Prior    string    `json:"prior"`   // label of the one it builds on
	Cluster  int       `json:"cluster"` // number of the database in the repository, see Info.Clusters
	Start    time.Time `json:"start"`
	Stop     time.Time `json:"stop"`
	StartLSN string    `json:"start_lsn"`
	StopLSN  string    `json:"stop_lsn"`
	StartWAL string    `json:"start_wal"`
	StopWAL  string    `json:"stop_wal"`
	Size     int64     `json:"size"`   // bytes of the database's files
	Stored   int64     `json:"stored"` // bytes that it added to the repository
	Pages    bool      `json:"page_errors,omitempty"`
}

// Cluster is a database that has, or had, the repository.
type Cluster struct {
	ID       int    `json:"id"`
	SystemID uint64 `json:"system-id"`
	Version  string `json:"version"` // major, as "17"
}

// Info is the state of a repository.
type Info struct {
	Exists   bool
	Backups  []Backup // oldest first
	Clusters []Cluster
}

// Newest is the database that has the repository now.
func (i Info) Newest() Cluster {
	if len(i.Clusters) == 0 {
		return Cluster{}
	}
	return i.Clusters[len(i.Clusters)-1]
}

// Cluster is one of them by its number.
func (i Info) Cluster(id int) Cluster {
	for _, c := range i.Clusters {
		if c.ID == id {
			return c
		}
	}
	return Cluster{}
}

// Backup is one of them by its label.
func (i Info) Backup(label string) (Backup, bool) {
	for _, b := range i.Backups {
		if b.Label == label {
			return b, true
		}
	}
	return Backup{}, false
}

// Info asks the repository. It needs no database.
func (r Repo) Info(ctx context.Context) (Info, error) {
	out, err := r.call(ctx, "info", "--output=json")
	if err != nil {
		return Info{}, err
	}
	return r.parseInfo(out)
}

// ReadInfo reads what pgBackRest said about the local repository where only its program is at hand.
func ReadInfo(out []byte) (Info, error) { return Repo{Name: Local}.parseInfo(out) }

func (r Repo) parseInfo(out []byte) (Info, error) {
	var answer []struct {
		Status struct {
			Code    int
			Message string
		}
		Repo []struct {
			Status struct {
				Code    int
				Message string
			}
		}
		DB     []Cluster
		Backup []struct {
			Label, Type string
			Prior       *string
			Error       bool
			Database    struct{ ID int }
			Archive     struct{ Start, Stop string }
			LSN         struct{ Start, Stop string }
			Timestamp   struct{ Start, Stop int64 }
			Info        struct {
				Size       int64
				Repository struct{ Delta int64 }
			}
		}
	}
	// With another key its message quotes what the wrong decryption gave, control characters
	// included, which JSON wants escaped and pgBackRest (2.54) does not.
	out = bytes.Map(func(c rune) rune {
		if c < ' ' {
			return ' '
		}
		return c
	}, out)
	if err := json.Unmarshal(out, &answer); err != nil || len(answer) != 1 {
		return Info{}, fmt.Errorf("pgbackrest info (repository %s): its answer cannot be read: %w", r.Name, err)
	}
	a := answer[0]
	// The documented codes: 0 ok, 1 no stanza, 2 no valid backups, 3 no stanza data, 99 other.
	switch code := a.Status.Code; code {
	case 0, 1, 2, 3:
	default:
		message := a.Status.Message
		if len(a.Repo) > 0 {
			message = a.Repo[0].Status.Message
		}
		return Info{}, explain(r, "info", "ERROR: "+message, infoError(message))
	}
	info := Info{Exists: a.Status.Code != 1 && a.Status.Code != 3, Clusters: a.DB}
	for _, b := range a.Backup {
		one := Backup{
			Label: b.Label, Type: b.Type, Cluster: b.Database.ID, Start: time.Unix(b.Timestamp.Start, 0).UTC(), Stop: time.Unix(b.Timestamp.Stop, 0).UTC(),
			StartLSN: b.LSN.Start, StopLSN: b.LSN.Stop, StartWAL: b.Archive.Start, StopWAL: b.Archive.Stop,
			Size: b.Info.Size, Stored: b.Info.Repository.Delta, Pages: b.Error,
		}
		if b.Prior != nil {
			one.Prior = *b.Prior
		}
		info.Backups = append(info.Backups, one)
	}
	return info, nil
}

// infoError stands for a status that info tells although it succeeds.
func infoError(message string) error {
	return &run.Error{Name: "pgbackrest", Code: 99, Err: errors.New(message)}
}
