package physical

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

// received is a segment that the receiver has, with the time of its number.
func received(timeline uint32, n int) Received { return Received{Name: seg(timeline, n), Time: at(n)} }

func partial(timeline uint32, n int) Received {
	return Received{Name: seg(timeline, n), Time: at(n), Partial: true}
}

func segs(timeline uint32, from, to int) (names []string) {
	for n := from; n <= to; n++ {
		names = append(names, seg(timeline, n))
	}
	return names
}

// The archive has the segments 1 to 20 of timeline 1, and a backup was made at 3.
func TestTheReceivedLogContinuesTheArchive(t *testing.T) {
	onTwo := Received{Name: "00000002.history", Time: at(30), History: "1\t0/15001000\tno recovery target specified\n"}
	for name, c := range map[string]struct {
		lacks    []int // what the archive does not have
		received []Received
		until    int
		gap      string
		when     int // 0 is latest
		timeline uint32
		fetch    []string
		rest     []string
	}{
		"nothing was received":                  {until: 20, when: 20, timeline: 1, fetch: segs(1, 3, 20)},
		"it goes on where the archive ends":     {received: []Received{received(1, 21), partial(1, 22)}, until: 22, when: 22, timeline: 1, fetch: segs(1, 3, 20), rest: segs(1, 21, 22)},
		"latest":                                {received: []Received{received(1, 21), partial(1, 22)}, until: 22, timeline: 1, fetch: segs(1, 3, 20), rest: segs(1, 21, 22)},
		"a time that the archive leads to":      {received: []Received{received(1, 21)}, until: 21, when: 5, timeline: 1, fetch: segs(1, 3, 16)},
		"what both have is the archive's":       {received: []Received{received(1, 19), partial(1, 20), received(1, 21)}, until: 21, when: 21, timeline: 1, fetch: segs(1, 3, 20), rest: segs(1, 21, 21)},
		"a gap before it":                       {received: []Received{received(1, 22)}, until: 20, gap: seg(1, 21), when: 20, timeline: 1, fetch: segs(1, 3, 20)},
		"nothing comes after a partial segment": {received: []Received{partial(1, 21), received(1, 22)}, until: 21, gap: seg(1, 22), when: 21, timeline: 1, fetch: segs(1, 3, 20), rest: segs(1, 21, 21)},
		"it has what the archive let go":        {lacks: []int{11}, received: []Received{received(1, 11)}, until: 20, when: 20, timeline: 1, fetch: append(segs(1, 3, 10), segs(1, 12, 20)...), rest: segs(1, 11, 11)},
		"a timeline that only the receiver saw": {received: []Received{partial(1, 21), onTwo, {Name: seg(2, 21), Time: at(31), Partial: true}}, until: 31, when: 31, timeline: 2, fetch: segs(1, 3, 20), rest: segs(2, 21, 21)},
		"a time before that one":                {received: []Received{partial(1, 21), onTwo, {Name: seg(2, 21), Time: at(31), Partial: true}}, until: 31, when: 21, timeline: 1, fetch: segs(1, 3, 20), rest: segs(1, 21, 21)},
		"a file that is neither":                {received: []Received{{Name: "position.json", Time: at(40)}}, until: 20, when: 20, timeline: 1, fetch: segs(1, 3, 20)},
	} {
		t.Run(name, func(t *testing.T) {
			own, b := one(), backup("F", 1, 3)
			line(&own, 1, 1, 20)
			for _, n := range c.lacks {
				delete(own.Segments, seg(1, n))
			}
			had := len(own.Segments)
			a, err := own.With(c.received)
			require.NoError(t, err)
			assert.Len(t, own.Segments, had, "the archive itself is as it was")

			w := a.Window(b)
			assert.Equal(t, at(c.until), w.Until)
			assert.Equal(t, c.gap, w.Gap)
			archives := map[int]Archive{1: a}
			got, ok := Latest([]Backup{b}, archives)
			require.True(t, ok)
			if c.when > 0 {
				got, err = Choose([]Backup{b}, archives, at(c.when), time.UTC)
				require.NoError(t, err)
			}
			assert.Equal(t, c.timeline, got.Window.Timeline)
			assert.Equal(t, c.fetch, got.Segments)
			assert.Equal(t, c.rest, got.Received)
			assert.Empty(t, got.Histories, "the repository has none")

			_, err = Choose([]Backup{b}, archives, at(c.until+1), time.UTC)
			require.ErrorContains(t, err, "to "+at(c.until).Format(Form))
			assert.Equal(t, run.CodeBadInput, run.Code(err))
		})
	}
}

// Before the receiver had all of the segment in which a backup ended, that one is not consistent.
func TestAPartialSegmentMakesNoBackupConsistent(t *testing.T) {
	own, b := one(), backup("F", 1, 3)
	line(&own, 1, 1, 2)
	a, err := own.With([]Received{partial(1, 3)})
	require.NoError(t, err)
	assert.False(t, a.Window(b).Whole)
	a, err = own.With([]Received{received(1, 3)})
	require.NoError(t, err)
	got, err := Exactly(b, a)
	require.NoError(t, err)
	assert.Equal(t, segs(1, 3, 3), got.Received)
	_, err = own.With([]Received{{Name: "00000002.history", History: "nonsense"}})
	require.Error(t, err)
}

// What was added is left alone; what is not there any more is asked of the repository.
func TestWhatWasReceivedIsFilledUp(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, LogDir), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, LogDir, seg(1, 21)+".zst"), nil, 0o600))
	r := Repo{Name: Local, Path: t.TempDir()} // no pgBackRest there
	require.NoError(t, r.Fill(t.Context(), Target{Received: segs(1, 21, 21)}, dir))
	require.ErrorContains(t, r.Fill(t.Context(), Target{Received: segs(1, 21, 22)}, dir), "pgbackrest")
}
