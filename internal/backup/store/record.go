package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/aside"
)

// The kinds of backups.
const (
	KindDump     = "dump"     // pg_dump, globals and manifest of one database
	KindConfig   = "config"   // an archive of the configuration
	KindPhysical = "physical" // a record of one that pgBackRest keeps
)

// The levels of a backup. A full one stands alone; the others need their parent.
const (
	LevelFull         = "full"
	LevelDifferential = "differential"
	LevelIncremental  = "incremental"
)

// recordFormat changes when an older program could read a record wrongly.
const recordFormat = 1

// Record is what is known of a backup when it is published; it never changes after that.
type Record struct {
	Format     int               `json:"format"`
	ID         string            `json:"id"`
	Kind       string            `json:"kind"`
	Database   string            `json:"database,omitempty"`   // its true name; empty where it is about none or all
	Repository string            `json:"repository,omitempty"` // of a physical backup: which of pgBackRest's
	Level      string            `json:"level"`
	Parent     string            `json:"parent,omitempty"` // the id that this one is needed with
	Started    time.Time         `json:"started"`          // UTC
	Finished   time.Time         `json:"finished"`         // UTC; zero in one that was never completed
	Seconds    float64           `json:"seconds"`          // how long it took, whatever the clock did meanwhile
	Zone       string            `json:"zone,omitempty"`   // of the schedule, e.g. Europe/Berlin
	Host       string            `json:"host"`             // where it was made
	Size       int64             `json:"size"`             // bytes of content
	OnDisk     int64             `json:"on_disk"`          // bytes that it occupies
	External   bool              `json:"external,omitempty"`
	Files      []File            `json:"files,omitempty"`    // sorted by path
	Tools      map[string]string `json:"tools,omitempty"`    // versions of what made it
	Verified   *time.Time        `json:"verified,omitempty"` // before it was published
	Details    json.RawMessage   `json:"details,omitempty"`  // of the kind, e.g. pgBackRest's label and WAL range
}

// File is one file of a backup.
type File struct {
	Path   string `json:"path"` // below files/, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// envelope carries a record with its own checksum: an edited record is as bad as an edited file.
type envelope struct {
	Record json.RawMessage `json:"record"`
	SHA256 string          `json:"sha256"`
}

// writeEnvelope writes v aside and makes it durable.
func writeEnvelope(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	err = aside.Write(path, fileMode, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(envelope{Record: raw, SHA256: hex.EncodeToString(sum[:])})
	})
	if err != nil {
		return err
	}
	return aside.SyncDir(filepath.Dir(path))
}

func readEnvelope(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("%s is not readable: %w", path, err)
	}
	var raw bytes.Buffer
	if err := json.Compact(&raw, e.Record); err != nil {
		return fmt.Errorf("%s is not readable: %w", path, err)
	}
	if sum := sha256.Sum256(raw.Bytes()); hex.EncodeToString(sum[:]) != e.SHA256 {
		return fmt.Errorf("%s was changed after it was written: it does not have its own checksum", path)
	}
	if err := json.Unmarshal(raw.Bytes(), v); err != nil {
		return fmt.Errorf("%s is not readable: %w", path, err)
	}
	return nil
}

// readRecord reads the record of one id and checks that it is that one's.
func readRecord(path, id string) (Record, error) {
	var r Record
	if err := readEnvelope(path, &r); err != nil {
		return Record{}, err
	}
	if r.Format > recordFormat {
		return Record{}, fmt.Errorf("%s was written by a newer Drydock (format %d, this one knows %d): use that one", path, r.Format, recordFormat)
	}
	if r.ID != id {
		return Record{}, fmt.Errorf("%s is the record of %s: folders were exchanged or renamed", path, r.ID)
	}
	return r, nil
}
