package backup

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
)

func TestWhatWouldBeMissedStays(t *testing.T) {
	damaged := &store.Damage{Reason: "a flipped byte"}
	proven := []store.Proof{{Drill: "d"}}
	list := []store.Backup{
		{Record: store.Record{ID: "1", Kind: store.KindDump, Database: "app"}},
		{Record: store.Record{ID: "2", Kind: store.KindDump, Database: "app"}, Marks: store.Marks{Proofs: proven}},
		{Record: store.Record{ID: "3", Kind: store.KindDump, Database: "app"}},
		{Record: store.Record{ID: "4", Kind: store.KindDump, Database: "app"}, Marks: store.Marks{Damaged: damaged}},
		{Record: store.Record{ID: "5", Kind: store.KindDump, Database: "other"}},
		{Record: store.Record{ID: "6", Kind: store.KindPhysical, Repository: "local"}, Marks: store.Marks{Damaged: damaged}},
		{Record: store.Record{ID: "7", Kind: store.KindPhysical, Repository: "local", Parent: "6"}, Marks: store.Marks{Damaged: damaged}},
		{Record: store.Record{ID: "8", Kind: store.KindPhysical, Repository: "s3"}},
	}
	now := time.Now()
	for i := range list {
		list[i].Verified = &now
	}
	for id, want := range map[string]string{
		"1": "", "2": "proven", "3": "newest good", "4": "", "5": "newest good", "6": "needed by 7", "7": "", "8": "newest good",
	} {
		why := missed(list, list[id[0]-'1'])
		if want == "" {
			assert.Empty(t, why, id)
			continue
		}
		assert.Contains(t, why, want, id)
	}
}

// After a new folder or a new key for the second repository its backups of before are records of nothing.
func TestWhatIsGoneFromItsRepository(t *testing.T) {
	copyIn := func(id, repository, label string) store.Backup {
		details, err := json.Marshal(physical.Backup{Label: label})
		require.NoError(t, err)
		return store.Backup{Record: store.Record{ID: id, Kind: store.KindPhysical, Repository: repository, Details: details}}
	}
	list := []store.Backup{
		{Record: store.Record{ID: "1", Kind: store.KindDump}},
		copyIn("2", physical.Local, "A"), copyIn("3", "s3", "A"), copyIn("4", "s3", "A_B"), copyIn("5", "s3", "C"),
	}
	has := func(labels ...string) (i physical.Info) {
		i.Exists = true
		for _, l := range labels {
			i.Backups = append(i.Backups, physical.Backup{Label: l})
		}
		return i
	}
	for _, c := range []struct {
		info physical.Info
		want []string
	}{
		{has("C"), []string{"4", "3"}}, // what is built on another one goes first
		{has("A", "A_B", "C"), nil},
		{has(), []string{"5", "4", "3"}},
		{physical.Info{}, nil}, // a repository that was never written to: perhaps the settings are wrong
	} {
		var ids []string
		for _, b := range gone(list, "s3", c.info) {
			ids = append(ids, b.ID)
		}
		assert.Equal(t, c.want, ids)
	}
}
