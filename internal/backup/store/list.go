package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"drydock/internal/flock"
)

// Backup is a published backup with what became known of it since.
type Backup struct {
	Record
	Marks
}

// Marks is what changes after a backup was published.
type Marks struct {
	Proofs  []Proof `json:"proofs,omitempty"` // oldest first
	Damaged *Damage `json:"damaged,omitempty"`
}

// Proof is a restore drill that this backup passed.
type Proof struct {
	Drill  string        `json:"drill"`            // its id
	At     time.Time     `json:"at"`               // UTC
	Took   time.Duration `json:"took"`             // recovery time, in nanoseconds
	Report string        `json:"report,omitempty"` // where the evidence lies
}

// Damage puts a backup into quarantine: it is listed, and neither restored unasked,
// counted by retention, nor deleted by it.
type Damage struct {
	At     time.Time `json:"at"` // UTC
	Reason string    `json:"reason"`
	Found  string    `json:"found"` // by what: verify, a drill, a restore
}

// Good says whether the backup may be counted on.
func (b Backup) Good() bool { return b.Damaged == nil && b.Verified != nil }

// Proven is the newest drill that the backup passed, nil if there is none.
func (b Backup) Proven() *Proof {
	if len(b.Proofs) == 0 {
		return nil
	}
	return &b.Proofs[len(b.Proofs)-1]
}

// List returns the published backups in the order in which they were begun. It takes no
// lock and may run while others write and remove. One that lost its folder or its record
// without having been removed is listed, too, as damaged: its loss must not be silent.
func (s *Store) List() ([]Backup, error) {
	indexed, err := s.names(indexDir, "", ".json")
	if err != nil {
		return nil, err
	}
	published, err := s.names(backupsDir, "", "")
	if err != nil {
		return nil, err
	}
	var all []Backup
	listed := map[string]bool{}
	for _, id := range published {
		b, there, err := s.read(id)
		if err != nil {
			return nil, err
		}
		if there {
			listed[id] = true
			all = append(all, b)
		}
	}
	for _, id := range indexed {
		if listed[id] {
			continue
		}
		b, lost, err := s.lost(id)
		if err != nil {
			return nil, err
		}
		if lost {
			all = append(all, b)
		}
	}
	sortBackups(all)
	return all, nil
}

// Get returns one backup, by its id or by the number that the id begins with. The error
// is a *NotFoundError if there is none.
func (s *Store) Get(id string) (Backup, error) {
	if !validID(id) {
		if _, ok := number(id); !ok {
			return Backup{}, &NotFoundError{ID: id, Root: s.root}
		}
		all, err := s.List()
		if err != nil {
			return Backup{}, err
		}
		for _, b := range all {
			if Means(id, b.ID) {
				return b, nil
			}
		}
		return Backup{}, &NotFoundError{ID: id, Root: s.root}
	}
	b, there, err := s.read(id)
	if err == nil && !there {
		b, there, err = s.lost(id)
	}
	if err == nil && !there {
		err = &NotFoundError{ID: id, Root: s.root}
	}
	return b, err
}

// read returns a backup that has a folder.
func (s *Store) read(id string) (Backup, bool, error) {
	dir := s.path(backupsDir, id)
	r, err := readRecord(dir+"/"+recordFile, id)
	if err != nil {
		if there, e := exists(dir); e != nil || !there {
			return Backup{}, false, e // removed in this moment
		}
		return s.withoutRecord(id, err), true, nil
	}
	if r.Verified == nil {
		return s.withoutRecord(id, errors.New("its record was never completed")), true, nil
	}
	b := Backup{Record: r}
	text, err := os.ReadFile(dir + "/" + marksFile)
	if err == nil {
		err = json.Unmarshal(text, &b.Marks)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.Damaged = &Damage{At: s.now().UTC(), Found: "list", Reason: fmt.Sprintf("its marks cannot be read: %v", err)}
	}
	return b, true, nil
}

// withoutRecord makes the best of a backup whose record is not readable.
func (s *Store) withoutRecord(id string, why error) Backup {
	r, err := readRecord(s.path(indexDir, id+".json"), id)
	if err != nil {
		r = Record{ID: id}
	}
	return Backup{Record: r, Marks: Marks{Damaged: &Damage{At: s.now().UTC(), Found: "list", Reason: why.Error()}}}
}

// lost returns a backup that is in the index and has no folder, unless it was removed.
// A removal renames the folder into the trash, then deletes the index's copy, then the
// trash; so asking for the trash first and for the copy after it cannot be fooled by one
// that is going on.
func (s *Store) lost(id string) (Backup, bool, error) {
	for _, path := range []string{s.path(backupsDir, id), s.path(trashDir, id)} {
		if there, err := exists(path); err != nil || there {
			return Backup{}, false, err
		}
	}
	r, err := readRecord(s.path(indexDir, id+".json"), id)
	if errors.Is(err, fs.ErrNotExist) {
		return Backup{}, false, nil
	}
	if err != nil {
		r = Record{ID: id}
	}
	return Backup{Record: r, Marks: Marks{Damaged: &Damage{
		At: s.now().UTC(), Found: "list", Reason: "its folder is gone, and Drydock did not remove it",
	}}}, true, nil
}

// Running are the backups that living processes are writing now.
func (s *Store) Running() ([]Record, error) {
	ids, err := s.names(backupsDir, partialPrefix, "")
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, id := range ids {
		dir := s.path(backupsDir, partialPrefix+id)
		// A shared lock that succeeds means that the writer is dead.
		d, err := s.tryDir(dir, flock.Shared)
		if err != nil {
			return nil, err
		}
		if d != nil {
			_ = d.Close()
			continue
		}
		if r, err := readRecord(dir+"/"+recordFile, id); err == nil { // else it ended just now
			all = append(all, r)
		}
	}
	return all, nil
}
