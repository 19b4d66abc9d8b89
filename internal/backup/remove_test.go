package backup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

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
