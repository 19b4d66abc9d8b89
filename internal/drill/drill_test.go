package drill

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPick(t *testing.T) {
	damaged := &struct {
		Reason string `json:"reason"`
	}{"a flipped byte"}
	list := []listed{
		{ID: "000007-20260101T000000Z-aaaaaa", Kind: "dump", Database: "app"},
		{ID: "000008-20260102T000000Z-bbbbbb", Kind: "dump", Database: "other"},
		{ID: "000009-20260103T000000Z-cccccc", Kind: "config"},
		{ID: "000010-20260104T000000Z-dddddd", Kind: "dump", Database: "app", Damaged: damaged},
	}
	for _, c := range []struct{ want, id string }{
		{"", list[0].ID}, {"10", list[3].ID}, {list[1].ID, list[1].ID},
	} {
		b, err := pick(list, c.want, "app")
		require.NoError(t, err, c.want)
		assert.Equal(t, c.id, b.ID, "%q", c.want)
	}
	_, err := pick(list, "11", "app")
	assert.ErrorContains(t, err, "backup:list")
	_, err = pick(list, "", "nobody")
	assert.ErrorContains(t, err, "backup:dump")
}

func TestEvidence(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := &Evidence{ID: "d1", Backup: "b1", Made: made, Started: made.Add(90 * time.Minute), Phases: []Phase{{"restoring", 1.5}, {"checking", 0.5}}}
	e.check("pg_amcheck", true, "")
	e.check("the backend is ready on it", false, "no such table")
	assert.Equal(t, []string{"the backend is ready on it"}, e.failed())
	assert.Equal(t, 2*time.Second, e.Took())
	assert.Equal(t, 90*time.Minute, e.Loss())
	var b strings.Builder
	require.NoError(t, e.Write(&b, "text"))
	assert.Equal(t, `restore drill d1: FAILED
  backup b1 of 2026-01-02 03:04:05 UTC, 1h30m0s old when the drill began
  ok    pg_amcheck
  FAIL  the backend is ready on it: no such table
     1.5s  restoring
     0.5s  checking
  recovery took 2s
`, b.String())
}

func TestLastKeepsTheEnd(t *testing.T) {
	assert.Equal(t, "short", last(" short\n"))
	long := strings.Repeat("0123456789\n", 500) + "the reason"
	got := last(long)
	assert.LessOrEqual(t, len(got), maxDetail+4)
	assert.True(t, strings.HasSuffix(got, "the reason"))
	assert.True(t, strings.HasPrefix(got, "... 0123456789\n"))
	assert.Equal(t, `dbname='it\'s = "odd" \\'`, quoteConn(`it's = "odd" \`))
}
