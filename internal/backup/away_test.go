package backup

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/away"
	"drydock/internal/backup/retain"
	"drydock/internal/backup/store"
)

var awayNoon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// madeOn is a backup of a kind that was begun on a day of March.
func madeOn(day int, kind string, proven bool) store.Backup {
	at := time.Date(2026, 3, day, 2, 30, 0, 0, time.UTC)
	b := store.Backup{Record: store.Record{
		ID: fmt.Sprintf("%06d-%s-abcdef", day, at.Format("20060102T150405Z")), Kind: kind, Level: store.LevelFull, Started: at, Finished: at.Add(time.Minute), Verified: &at, Size: 100,
	}}
	if kind == store.KindDump {
		b.Database = "app"
	}
	if proven {
		b.Proofs = []store.Proof{{At: at.Add(time.Hour)}}
	}
	return b
}

func copyOf(b store.Backup) away.Manifest { return away.Manifest{ID: b.ID, Record: b.Record} }

func TestWhichBackupsGetACopyAndWhichCopiesGo(t *testing.T) {
	damaged := madeOn(9, store.KindDump, false)
	damaged.Damaged = &store.Damage{Reason: "a flipped byte"}
	dump := func(day int) store.Backup { return madeOn(day, store.KindDump, false) }
	for name, c := range map[string]struct {
		here             []store.Backup
		copied           []store.Backup
		missing, surplus []int // days
	}{
		"the first copies, newest first":        {here: []store.Backup{dump(8), dump(9)}, missing: []int{9, 8}},
		"all are there":                         {here: []store.Backup{dump(8), dump(9)}, copied: []store.Backup{dump(8), dump(9)}},
		"physical ones have a way of their own": {here: []store.Backup{madeOn(9, store.KindPhysical, false)}},
		"a damaged one gets none":               {here: []store.Backup{damaged}},
		"what is damaged here is good there":    {here: []store.Backup{damaged}, copied: []store.Backup{dump(9)}},
		"too many":                              {here: []store.Backup{dump(9)}, copied: []store.Backup{dump(6), dump(7), dump(8)}, missing: []int{9}, surplus: []int{6, 7}},
		"not sent to be removed at once":        {here: []store.Backup{dump(5), dump(9)}, copied: []store.Backup{dump(7), dump(8)}, missing: []int{9}, surplus: []int{7}},
		"a proven one stays":                    {here: []store.Backup{madeOn(6, store.KindDump, true), dump(8), dump(9)}, copied: []store.Backup{dump(6), dump(8)}, missing: []int{9}},
		"a new machine takes nothing away":      {copied: []store.Backup{dump(8), dump(9)}},
		"each kind for itself":                  {here: []store.Backup{dump(8), madeOn(9, store.KindConfig, false)}, missing: []int{9, 8}},
	} {
		var copies []away.Manifest
		for _, b := range c.copied {
			copies = append(copies, copyOf(b))
		}
		missing, surplus := awayPlan(c.here, copies, retain.Policy{Last: 2, Zone: time.UTC}, awayNoon)
		var m, s []int
		for _, b := range missing {
			m = append(m, int(store.Sequence(b.ID)))
		}
		for _, one := range surplus {
			s = append(s, int(store.Sequence(one.ID)))
		}
		assert.Equal(t, c.missing, m, name)
		assert.Equal(t, c.surplus, s, name)
	}
}

func TestWhichCopyIsMeant(t *testing.T) {
	copies := []away.Manifest{copyOf(madeOn(7, store.KindDump, false)), copyOf(madeOn(8, store.KindConfig, false)), copyOf(madeOn(9, store.KindDump, false))}
	ids := func(list []away.Manifest) (days []int) {
		for _, m := range list {
			days = append(days, int(store.Sequence(m.ID)))
		}
		return days
	}
	for id, want := range map[string][]int{"": {9, 8}, "7": {7}, copies[1].ID: {8}} {
		got, err := wantedCopies(copies, id)
		require.NoError(t, err)
		assert.Equal(t, want, ids(got), id)
	}
	_, err := wantedCopies(copies, "5")
	require.ErrorContains(t, err, `no copy of "5"`)
	_, err = wantedCopies(nil, "")
	require.ErrorContains(t, err, "BACKUP_S3_PATH")
}

func TestTheListTellsWhatIsOnlyOnS3(t *testing.T) {
	here, there := madeOn(8, store.KindDump, false), madeOn(9, store.KindDump, false)
	var out bytes.Buffer
	c := &copied{Copies: []away.Manifest{copyOf(there)}, Missing: []string{here.ID}}
	require.NoError(t, c.write(&out, []store.Backup{here}, time.UTC))
	assert.Contains(t, out.String(), "copies on S3: 1; not there yet: "+here.ID)
	assert.Contains(t, out.String(), "BACKUP="+there.ID+" backup:fetch brings it back")
}
