package drill

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/stack"
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
		{ID: "000011-20260105T000000Z-eeeeee", Kind: "physical", Repository: "local"},
		{ID: "000012-20260105T000100Z-ffffff", Kind: "physical", Repository: "s3"},
	}
	for _, c := range []struct {
		want string
		ids  []string
	}{
		{"", []string{list[0].ID, list[4].ID, list[5].ID}}, {"10", []string{list[3].ID}}, {list[1].ID, []string{list[1].ID}}, {"11", []string{list[4].ID}}, {"000011", []string{list[4].ID}},
	} {
		chosen, err := pick(list, c.want, "app")
		require.NoError(t, err, c.want)
		var ids []string
		for _, b := range chosen {
			ids = append(ids, b.ID)
		}
		assert.Equal(t, c.ids, ids, "%q", c.want)
	}
	assert.Equal(t, []string{"dump", "physical", "physical s3"}, []string{list[0].name(), list[4].name(), list[5].name()})
	_, err := pick(list, "13", "app")
	assert.ErrorContains(t, err, "backup:list")
	_, err = pick(list, "9", "app")
	assert.ErrorContains(t, err, "backup:configRestore")
	_, err = pick(list[:4], "", "nobody")
	assert.ErrorContains(t, err, "backup:dump")
}

func TestAPointInTimeIsHitWhenNothingOfLaterAndLittleOfBeforeIsMissing(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	at, ok := between(made, made.Add(time.Minute))
	require.True(t, ok)
	assert.Equal(t, made.Add(30*time.Second), at)
	_, ok = between(made, made.Add(time.Second))
	assert.False(t, ok)
	// A full backup a moment ago: heartbeats go on, and the log after it is not archived yet.
	_, ok = between(made, sooner(made.Add(20*time.Second), made.Add(time.Second)))
	assert.False(t, ok)
	assert.Equal(t, made.Add(time.Second), sooner(made.Add(time.Second), made.Add(time.Minute)))
	assert.Equal(t, made, sooner(made, time.Time{}), "not known: the heartbeat decides")
	for shift, want := range map[time.Duration]bool{0: true, -5 * time.Second: true, time.Millisecond: false, -2 * time.Minute: false} {
		restored := at.Add(shift)
		got, detail := onTime(at, &restored, 5*time.Second)
		assert.Equal(t, want, got, detail)
	}
	got, _ := onTime(at, nil, time.Second)
	assert.False(t, got)
}

// example is a drill that found something, with hostile text in everything that comes from outside.
func example(id string, at time.Time, ok bool) *Evidence {
	p := &Part{Name: "dump", Backup: "000001-x", Made: at.Add(-90 * time.Minute), Size: 5 << 20, Tables: 4, Rows: 1234, Recovery: 7.5, Passed: ok,
		Loss: &Loss{Seconds: 5400, Newest: at, Restored: at.Add(-90 * time.Minute), By: "heartbeat"}}
	p.check("tables", true, "4 tables")
	p.check("pg_amcheck", ok, `<script>alert("1")</script>`)
	p.Controls = []Check{{"a lost row in public.notes", true, "seen by tables"}}
	p.Phases = []Phase{{"restoring", 7.5, true}, {"comparing", 0.5, false}}
	return &Evidence{ID: id, Project: "drydock", Env: "prod", Started: at, Finished: at.Add(time.Minute), Parts: []*Part{p}, Passed: ok}
}

func TestEvidenceSaysWhatFailed(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := example("d1", at, false)
	e.Parts[0].Controls[0].OK = false
	assert.Equal(t, []string{"dump: pg_amcheck", "dump: control: a lost row in public.notes"}, e.failed(),
		"damage that was not seen fails a drill like a check does")
	var b strings.Builder
	require.NoError(t, e.Write(&b, "text"))
	assert.Equal(t, `restore drill d1: FAILED
dump: backup 000001-x of 2026-01-02 01:34:05 UTC
  ok    tables: 4 tables
  FAIL  pg_amcheck: <script>alert("1")</script>
  FAIL  control: a lost row in public.notes: seen by tables
     7.5s  restoring (recovery)
     0.5s  comparing
  recovery took 7.5s
  1h30m0s would have been lost (by the heartbeat)
`, b.String())
}

func TestThePageStandsAlone(t *testing.T) {
	at := time.Date(2026, 1, 30, 3, 4, 5, 0, time.UTC)
	var past []*Evidence
	for i := range 4 {
		past = append(past, example("past"+string(rune('a'+i)), at.AddDate(0, 0, -7*(4-i)), i != 2))
	}
	e := example("now", at, false)
	var b bytes.Buffer
	require.NoError(t, e.Page(&b, append(past, example("later", at.AddDate(0, 0, 7), true))))
	text := b.String()
	for _, want := range []string{"The restore drill failed", "<li>dump: pg_amcheck</li>", "a lost row in public.notes", "1h30m0s", "5.0 MiB", "Recovery time", "<svg", "&lt;script&gt;"} {
		assert.Contains(t, text, want)
	}
	for _, never := range []string{"<script", "http://", "https://", "src=", "@import", "ZgotmplZ", "later"} {
		assert.NotContains(t, text, never, "one file, no script, nothing from elsewhere, nothing that came after it")
	}
	assert.Equal(t, 5, strings.Count(text, "<code>000001-x</code></td>"), "a row for each drill so far")
}

func TestHistoryTakesEachDrillOnceAndLeavesOutWhatItCannotRead(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	raw := func(v any) json.RawMessage {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return text
	}
	got := history([]json.RawMessage{raw(example("b", at, true)), raw(example("a", at, true)), raw(example("b", at, true)), []byte(`{"id":"old","checks":[]}`), []byte("cut o")})
	require.Len(t, got, 2)
	assert.Equal(t, "a", got[0].ID)
	assert.Equal(t, "b", got[1].ID)
}

func TestLoss(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	beat, newest := made.Add(2*time.Second), made.Add(time.Hour)
	l := loss(moment{newest, "heartbeat"}, &beat, made)
	assert.Equal(t, 3598.0, l.Seconds)
	assert.Equal(t, "heartbeat", l.By)
	assert.Equal(t, 3600.0, loss(moment{newest, "heartbeat"}, nil, made).Seconds, "a backup without a heartbeat is as old as its beginning")
	assert.Equal(t, "time of the backup", loss(moment{newest, "heartbeat"}, nil, made).By)
	assert.Zero(t, loss(moment{made, "clock"}, &beat, made).Seconds, "clocks that differ by a little lose nothing")
}

func TestDurationsAreAsExactAsTheyAreWorth(t *testing.T) {
	for seconds, want := range map[float64]string{0.04: "0s", 7.52: "7.5s", 3661.4: "1h1m1s", 260000: "3.0 days"} {
		assert.Equal(t, want, duration(seconds))
	}
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

// A backend that did not get ready is gone when somebody reads the page: what it said is all there is.
func TestToldIsWhatABackendSaid(t *testing.T) {
	trouble := stack.Trouble{Reason: "backend: its health check says: GET /nope answered 404", Lines: []string{"begin", "no such <table>"}}
	assert.Equal(t, "backend: its health check says: GET /nope answered 404\nits last lines:\nbegin\nno such <table>", told(trouble))
	assert.Equal(t, "x\nit wrote nothing", told(stack.Trouble{Reason: "x"}))
	long := stack.Trouble{Reason: "the reason", Lines: slices.Repeat([]string{strings.Repeat("x", 300)}, 15)}
	assert.LessOrEqual(t, len(told(long)), maxDetail)
	assert.True(t, strings.HasPrefix(told(long), "the reason\n"))

	e := example("d1", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), true)
	e.Parts[0].Backend = "v1.2.0, the release that serves (r1)"
	e.Parts[0].check("the backend is ready on it", false, e.Parts[0].Backend+": "+told(trouble))
	var text, page, machine strings.Builder
	require.NoError(t, e.Write(&text, "text"))
	require.NoError(t, e.Page(&page, nil))
	require.NoError(t, e.Write(&machine, "json"))
	assert.Contains(t, text.String(), "\n  with the backend v1.2.0, the release that serves (r1)\n")
	assert.Contains(t, text.String(), "answered 404\n        its last lines:\n        begin\n        no such <table>\n")
	assert.Contains(t, page.String(), "The backend that was started on it: v1.2.0, the release that serves (r1).")
	assert.Contains(t, page.String(), "its last lines:\nbegin\nno such &lt;table&gt;</td>")
	assert.Contains(t, machine.String(), `"backend": "v1.2.0, the release that serves (r1)"`)
	assert.Contains(t, machine.String(), `its last lines:\nbegin\n`)
}
