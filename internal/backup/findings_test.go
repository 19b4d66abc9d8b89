package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/logical"
	"drydock/internal/backup/manifest"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

func contents() manifest.Contents {
	most := int64(41)
	c := manifest.Contents{
		RowHash: manifest.RowHash, Database: manifest.Database{Name: "app", Owner: "app", Encoding: "UTF8"},
		Tables:     []manifest.Table{{Schema: "public", Name: "notes", Rows: 41, Hash: "1"}, {Schema: "public", Name: "tags", Rows: 2, Hash: "2"}},
		Sequences:  []manifest.Sequence{{Schema: "public", Name: "notes_id_seq", Start: 1, Increment: 1, Max: 1000, Last: 41, Called: true, OwnedBy: "public.notes.id", ColumnMax: &most}},
		Extensions: []manifest.Extension{{Name: "pg_trgm", Schema: "public", Version: "1.6"}},
		Objects:    []manifest.Object{{Kind: "view", Name: "public.recent", Owner: "app"}},
		Roles:      []manifest.Role{{Name: "app", Needed: true}, {Name: "reader", Needed: true}},
	}
	c.Normalise()
	return c
}

// Each kind of difference has a name of its own, so that a drill that fails says what.
func TestEachFaultFailsTheFindingOfItsKind(t *testing.T) {
	for _, f := range compared(contents(), contents()) {
		assert.True(t, f.OK, "%s: %s", f.Name, f.Detail)
	}
	for name, fault := range map[string]struct {
		change func(*manifest.Contents)
		names  string
	}{
		FindingTables:    {func(c *manifest.Contents) { c.Tables[1].Hash = "3" }, "public.tags"},
		FindingSequences: {func(c *manifest.Contents) { c.Sequences[0].Last = 40; c.Sequences[0].ColumnMax = nil }, "public.notes_id_seq"},
		FindingExtension: {func(c *manifest.Contents) { c.Extensions = nil }, "pg_trgm"},
		FindingRoles:     {func(c *manifest.Contents) { c.Roles = c.Roles[:1] }, "reader"},
		FindingLarge:     {func(c *manifest.Contents) { c.LargeObjects.Count = 1 }, "count"},
		FindingObjects:   {func(c *manifest.Contents) { c.Objects[0].Owner = "somebody" }, "public.recent"},
		FindingDatabase:  {func(c *manifest.Contents) { c.Database.Encoding = "LATIN1" }, "app"},
		FindingAhead:     {func(c *manifest.Contents) { most := int64(42); c.Sequences[0].ColumnMax = &most }, "public.notes.id"},
	} {
		got := contents()
		fault.change(&got)
		for _, f := range compared(contents(), got) {
			if f.Name == name {
				assert.False(t, f.OK, name)
				assert.Contains(t, f.Detail, fault.names)
			} else if name != FindingAhead { // a sequence that is behind its column is behind in both ways
				assert.True(t, f.OK, "%s also failed %s: %s", name, f.Name, f.Detail)
			}
		}
	}
}

func TestASequenceThatWasBehindInTheLiveDatabaseIsNamedAndFailsNothing(t *testing.T) {
	c := contents()
	c.Sequences[0].Last = 7
	for _, f := range compared(c, c) {
		assert.True(t, f.OK, f.Name)
		if f.Name == FindingAhead {
			assert.Contains(t, f.Detail, "as in the live database: public.notes_id_seq")
		}
	}
}

// A drill whose checks see nothing must fail.
func TestDamageThatIsNotSeenIsAFault(t *testing.T) {
	damaged := []logical.Damaged{{What: "a lost row", Kind: "table", Name: "public.notes"}, {What: "a sequence set back", Kind: "sequence", Name: "public.notes_id_seq"}}
	blind := compared(contents(), contents())
	for _, f := range controls(damaged, blind) {
		assert.False(t, f.OK, f.Name)
		assert.Contains(t, f.Detail, "did not see it")
	}
	for _, f := range controls(damaged, nil) {
		assert.False(t, f.OK, "a check that was not made saw nothing")
	}
	got := contents()
	got.Tables[1].Rows--
	assert.False(t, controls(damaged[:1], compared(contents(), got))[0].OK, "another table's damage is not this one's")
	got.Tables[0].Rows--
	assert.True(t, controls(damaged[:1], compared(contents(), got))[0].OK)
}

func TestOnlyAScratchDatabaseIsDamaged(t *testing.T) {
	s := &Service{}
	_, err := s.Control(t.Context(), "1", "app")
	require.ErrorContains(t, err, "live service")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}

func TestEvidenceOfDrillsIsKeptAndProvesWhatPassed(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Options{})
	require.NoError(t, err)
	s := &Service{Store: st, Now: time.Now}
	var ids []string
	for range 2 {
		w, err := st.Begin(t.Context(), store.Spec{Kind: store.KindDump})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(w.Dir(), "f"), []byte("x"), 0o600))
		b, err := w.Commit(t.Context(), store.Done{Verify: func(context.Context, string, []store.File) error { return nil }})
		require.NoError(t, err)
		ids = append(ids, b.ID)
	}
	evidence := `{"id":"20260102T030405Z-abcdef","parts":[{"backup":"` + ids[0] + `","passed":true,"recovery_seconds":7.5},{"backup":"` + ids[1] + `","passed":false}]}`
	require.NoError(t, s.Drilled(t.Context(), strings.NewReader(evidence)))
	list, err := st.List()
	require.NoError(t, err)
	require.NotNil(t, list[0].Proven())
	assert.Equal(t, 7500*time.Millisecond, list[0].Proven().Took)
	assert.Nil(t, list[1].Proven())

	for _, bad := range []string{"", "{}", `{"id":"../../x"}`, `{"id":"20260102T030405Z-abcdef"`} {
		err := s.Drilled(t.Context(), strings.NewReader(bad))
		assert.Equal(t, run.CodeBadInput, run.Code(err), bad)
	}
	for i := range drillsKept + 3 {
		id := time.Date(2027, 1, 1, 0, 0, i, 0, time.UTC).Format("20060102T150405Z") + "-aaaaaa"
		require.NoError(t, s.Drilled(t.Context(), strings.NewReader(`{"id":"`+id+`"}`)))
	}
	var out bytes.Buffer
	require.NoError(t, s.Drills(&out))
	var all []struct{ ID string }
	require.NoError(t, json.Unmarshal(out.Bytes(), &all))
	require.Len(t, all, drillsKept, "bounded")
	assert.Equal(t, "20270101T000003Z-aaaaaa", all[0].ID, "the oldest went")
}
