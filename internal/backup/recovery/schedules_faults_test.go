//go:build integration && faults

package recovery

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"drydock/internal/testkit"

	"github.com/stretchr/testify/require"
)

var (
	schedules    = flag.Int("schedules", 100, "how many random schedules of writes, backups, crashes and restores")
	scheduleSeed = flag.Uint64("schedule-seed", 0, "begin with this seed, as a failure named it")
)

const perLife = 10 // schedules of one database, which keeps what the earlier ones left

// Whatever order writes, backups, crashes, killed backups and restores come in: what a restore
// brings is what was there at its target.
func TestRandomSchedulesAgainstAModel(t *testing.T) {
	done := 0
	for first := *scheduleSeed; done < *schedules; first += perLife {
		n := min(perLife, *schedules-done)
		t.Run(fmt.Sprintf("seeds %d to %d", first, first+uint64(n)-1), func(t *testing.T) {
			l := newLife(t)
			for seed := first; seed < first+uint64(n); seed++ {
				l.schedule(seed)
				done++
			}
		})
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d of %d schedules: each restore was the model's state", done, *schedules)
}

// state is what the model says of the table: values by key.
type state map[int]int

func (s state) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%d=%d ", k, s[k])
	}
	return strings.TrimSpace(b.String())
}

const readState = "SELECT coalesce(string_agg(k || '=' || v, ' ' ORDER BY k), '') FROM model"

// moment is something that can be restored to, with what was there then.
type moment struct {
	spec Spec
	want string
}

// life is one database with its model.
type life struct {
	*lab
	r       *rand.Rand
	now     state
	moments []moment
	said    []string
}

func newLife(t *testing.T) *life {
	l := &life{lab: newLab(t, "a-key-for-tests-only"), now: state{}}
	l.sql(l.db, "CREATE TABLE model (k int PRIMARY KEY, v int NOT NULL); CREATE TABLE beat (n int)")
	l.must("full")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the schedule:\n  %s", strings.Join(l.said, "\n  "))
		}
	})
	return l
}

// schedule is a dozen random steps, and a restore.
func (l *life) schedule(seed uint64) {
	l.t.Helper()
	l.r = rand.New(rand.NewPCG(seed, 97))
	l.said = append(l.said, fmt.Sprintf("seed %d", seed))
	steps := []func(){l.write, l.write, l.write, l.mark, l.mark, l.undone, l.backUp, l.segment, l.crash, l.killedBackup}
	for range 4 + l.r.IntN(9) {
		steps[l.r.IntN(len(steps))]()
	}
	switch {
	case l.r.IntN(5) == 0:
		l.restore(l.latest(), false)
	case len(l.moments) == 0:
		l.restore(l.latest(), true)
	default:
		l.restore(l.moments[l.r.IntN(len(l.moments))], l.r.IntN(6) == 0)
	}
}

func (l *life) say(format string, words ...any) {
	l.said = append(l.said, fmt.Sprintf(format, words...))
}

// change makes statements of one transaction, and the state after it.
func (l *life) change() (sql string, after state) {
	after = maps.Clone(l.now)
	var b strings.Builder
	for range 1 + l.r.IntN(6) {
		k, v := l.r.IntN(40), l.r.IntN(1000)
		if _, there := after[k]; there && l.r.IntN(3) == 0 {
			delete(after, k)
			fmt.Fprintf(&b, "DELETE FROM model WHERE k = %d;", k)
			continue
		}
		after[k] = v
		fmt.Fprintf(&b, "INSERT INTO model VALUES (%d, %d) ON CONFLICT (k) DO UPDATE SET v = excluded.v;", k, v)
	}
	return b.String(), after
}

func (l *life) write() {
	sql, after := l.change()
	l.say("write: %s", sql)
	l.sql(l.db, "BEGIN;"+sql+"COMMIT")
	l.now = after
}

// undone is a transaction that wrote and was rolled back.
func (l *life) undone() {
	sql, _ := l.change()
	l.say("rolled back: %s", sql)
	l.sql(l.db, "BEGIN;"+sql+"ROLLBACK")
}

// mark notes a time between two commits.
func (l *life) mark() {
	at := l.sql(l.db, "SELECT clock_timestamp()")
	l.sql(l.db, "SELECT pg_sleep(0.01)")
	l.say("mark: %s", at)
	l.moments = append(l.moments, moment{Spec{At: at}, l.now.String()})
}

func (l *life) backUp() {
	level := []string{"full", "incremental", "incremental", "differential"}[l.r.IntN(4)]
	id := l.must(level)
	l.say("%s backup %s", level, id)
	l.moments = append(l.moments, moment{Spec{ID: id}, l.now.String()})
}

// killedBackup ends the backup service with all that it runs, some time after a backup began.
func (l *life) killedBackup() {
	done := make(chan error, 1)
	go func() { _, _, err := l.call("incremental"); done <- err }()
	select {
	case err := <-done:
		require.NoError(l.t, err)
		return
	case <-time.After(time.Duration(l.r.IntN(2500)) * time.Millisecond):
	}
	if err := l.e.Kill(l.t.Context(), l.backup, "KILL"); err != nil {
		require.NoError(l.t, err)
	}
	l.say("a backup was killed (%v)", <-done)
	require.NoError(l.t, l.e.Start(l.t.Context(), l.backup))
}

func (l *life) segment() {
	l.say("a segment ends")
	l.sql(l.db, "INSERT INTO beat VALUES (1)")
	l.sql(l.db, "SELECT pg_switch_wal()")
}

// crash ends the database without a word, and starts it again.
func (l *life) crash() {
	l.say("crash of the database")
	require.NoError(l.t, l.e.Kill(l.t.Context(), l.db, "KILL"))
	require.NoError(l.t, l.e.Start(l.t.Context(), l.db))
	_, err := l.e.WaitHealthy(l.t.Context(), l.db)
	require.NoError(l.t, err)
	require.Equal(l.t, l.now.String(), l.sql(l.db, readState), "after a crash")
}

// latest is all that was committed; the archive gets it first.
func (l *life) latest() moment { return moment{Spec{At: "latest"}, l.now.String()} }

// settle has the archive take what there is.
func (l *life) settle() {
	l.segment()
	l.archived(2 * time.Minute)
}

// restore compares a copy with the model; the copy may then take the live database's place.
func (l *life) restore(m moment, takesOver bool) {
	l.t.Helper()
	l.say("restore of %+v, to stay: %t", Spec{ID: m.spec.ID, At: m.spec.At}, takesOver)
	l.settle()
	if takesOver {
		l.takeOver(m)
		return
	}
	c, err := l.copy(m.spec)
	require.NoError(l.t, err)
	require.Equal(l.t, m.want, l.sql(c.Container, readState))
	require.NoError(l.t, Remove(l.t.Context(), l.e, c.Volume))
}

// takeOver puts what is restored into the live database's place, as a restore in place does:
// the recovery ends with the archive on, so that the new timeline is known there. What came
// after its target is the past of nobody.
func (l *life) takeOver(m moment) {
	ctx, say := l.t.Context(), func(text string) { l.t.Log(text) }
	s := m.spec
	s.Source, s.Labels, s.Name = l.source, testkit.Labels(l.t), testkit.Name(l.t, "taken")
	l.t.Cleanup(func() { _ = Remove(context.WithoutCancel(ctx), l.e, s.Name) }) // labelled: what fails is swept
	f, err := fetch(ctx, l.e, s, say)
	require.NoError(l.t, err)
	for _, id := range []string{l.db, l.backup} {
		require.NoError(l.t, l.e.Kill(ctx, id, "KILL"))
		require.NoError(l.t, l.e.Remove(ctx, id))
	}
	l.data = s.Name
	l.db = l.startDB()
	require.NoError(l.t, reach(ctx, l.e, l.db, l.source, f, say))
	require.NoError(l.t, promote(ctx, l.e, l.db, l.source, say))
	l.backup = l.startBackup()
	require.Equal(l.t, m.want, l.sql(l.db, readState), "the copy, as the live database")
	l.now = state{}
	for _, pair := range strings.Fields(m.want) {
		var k, v int
		_, err := fmt.Sscanf(pair, "%d=%d", &k, &v)
		require.NoError(l.t, err)
		l.now[k] = v
	}
	// Backups stay what they are; times after the target are those of the new timeline.
	l.moments = slices.DeleteFunc(l.moments, func(other moment) bool { return other.spec.At != "" })
}
