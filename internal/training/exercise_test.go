package training

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/store"
	"drydock/internal/env"
)

func TestExercisesAreComplete(t *testing.T) {
	names := map[string]bool{}
	for _, e := range Exercises() {
		assert.Regexp(t, regexp.MustCompile(`^[a-z]+-[a-z]+$`), e.Name)
		assert.False(t, names[e.Name], e.Name)
		names[e.Name] = true
		assert.NotEmpty(t, e.Story, e.Name)
		assert.NotContains(t, e.Story, "\n", "%s: a story is one line", e.Name)
		assert.NotEmpty(t, e.Hint, e.Name)
		assert.NotContains(t, e.Hint, "go tool mage", "%s: a hint is no solution", e.Name)
		assert.NotNil(t, e.harm, e.Name)
		assert.NotNil(t, e.check, e.Name)
		assert.True(t, e.undo != nil || e.before != nil, e.Name)
	}
	assert.Len(t, names, 8)
}

// at is a scene whose database answers counts by a part of the query.
func at(answers map[string]string) *scene {
	return &scene{settings: &env.Settings{Database: env.Database{Name: "app"}}, state: &state{Broken: time.Now()}, keep: func() error { return nil }, Desk: &desk{sql: func(q string) string {
		for part, answer := range answers {
			if strings.Contains(q, part) {
				return answer
			}
		}
		return "0"
	}}}
}

func TestCheckOfTheDeletedRow(t *testing.T) {
	for name, c := range map[string]struct {
		lost, other, later string
		want               []string // parts of the symptoms
	}{
		"nothing done":            {"0", "1", "1", []string{"still missing"}},
		"mended":                  {"1", "1", "1", nil},
		"inserted twice":          {"2", "1", "1", []string{"more than once"}},
		"the whole dump restored": {"1", "1", "0", []string{"written since is gone"}},
		"the dump copied over it": {"1", "2", "1", []string{"is there twice"}},
		"everything is gone":      {"0", "0", "0", []string{"still missing", "nobody had deleted", "since is gone"}},
	} {
		s := at(map[string]string{lostNote: c.lost, otherNote: c.other, laterNote: c.later})
		got, err := rowDeleted().check(t.Context(), s)
		require.NoError(t, err)
		if assert.Len(t, got, len(c.want), name) {
			for i := range got {
				assert.Contains(t, got[i], c.want[i], name)
			}
		}
	}
}

func TestCheckOfTheDroppedTable(t *testing.T) {
	for name, c := range map[string]struct {
		there, sums, later string
		want               int
	}{
		"nothing done":         {"0", "", "1", 1},
		"mended":               {"1", "500|156562.50", "1", 0},
		"an empty one":         {"1", "0|", "1", 1},
		"with all of the dump": {"1", "500|156562.50", "0", 1},
	} {
		s := at(map[string]string{"to_regclass": c.there, "sum(amount)": c.sums, laterNote: c.later})
		got, err := tableDropped().check(t.Context(), s)
		require.NoError(t, err)
		assert.Len(t, got, c.want, name)
	}
}

func dump(id string, good bool) store.Backup {
	now := time.Now()
	b := store.Backup{Record: store.Record{ID: id, Kind: store.KindDump, Database: "app", Verified: &now}}
	if !good {
		b.Damaged = &store.Damage{Reason: "a flipped byte"}
	}
	return b
}

const (
	before = "000001-20260131T110000Z-aaaaaa"
	ours   = "000003-20260131T120000Z-bbbbbb"
	after  = "000004-20260131T130000Z-cccccc"
)

func TestDamageLeft(t *testing.T) {
	for name, c := range map[string]struct {
		list []store.Backup
		want int
	}{
		"nothing done":         {[]store.Backup{dump(before, true), dump(ours, true)}, 2},
		"found":                {[]store.Backup{dump(before, true), dump(ours, false)}, 2},
		"only removed":         {[]store.Backup{dump(before, true)}, 1},
		"only a new one":       {[]store.Backup{dump(ours, false), dump(after, true)}, 1},
		"the new one is bad":   {[]store.Backup{dump(before, true), dump(after, false)}, 1},
		"removed, and another": {[]store.Backup{dump(before, true), dump(after, true)}, 0},
	} {
		assert.Len(t, damageLeft(c.list, ours), c.want, name)
	}
}

// The dump of an exercise goes, and never as the last good one.
func TestRemoveDumps(t *testing.T) {
	for name, c := range map[string]struct {
		list  []store.Backup
		state state
		want  string
	}{
		"the newest":           {[]store.Backup{dump(before, true), dump(ours, true)}, state{Dump: ours, Broken: time.Now()}, "dump; remove " + ours},
		"another one is newer": {[]store.Backup{dump(ours, true), dump(after, true)}, state{Dump: ours, Broken: time.Now()}, "remove " + ours},
		"damaged":              {[]store.Backup{dump(before, true), dump(ours, false)}, state{Dump: ours, Broken: time.Now()}, "remove " + ours},
		"gone already":         {[]store.Backup{dump(after, true)}, state{Dump: ours, Broken: time.Now()}, ""},
		"the start was cut":    {[]store.Backup{dump(before, true), dump(ours, true)}, state{Newest: 2}, "dump; remove " + ours},
		"none was made":        {[]store.Backup{dump(before, true)}, state{Newest: 2}, ""},
	} {
		var said []string
		s := at(nil)
		s.state = &c.state
		d := s.Desk.(*desk)
		d.dumps = c.list
		d.backup = func(words []string) error { said = append(said, strings.Join(words, " ")); return nil }
		require.NoError(t, s.removeDumps(t.Context()))
		assert.Equal(t, c.want, strings.Join(said, "; "), name)
	}
}

// What is needed to undo an exercise is written before something happens.
func TestIdsAreKeptFirst(t *testing.T) {
	s := at(nil)
	s.keep = func() error { return errors.New("the disk is full") }
	stopped := false
	err := eachBackend(func(Desk, context.Context, string) error { stopped = true; return nil })(t.Context(), s)
	require.ErrorContains(t, err, "the disk is full")
	assert.False(t, stopped)
}
