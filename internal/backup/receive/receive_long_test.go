//go:build integration && long

package receive

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// A database that was made anew is another one: its WAL goes into a folder of its own, and a
// restore takes nothing of the other's.
func TestWALOfAnotherDatabaseIsKeptApart(t *testing.T) {
	t.Parallel()
	l := newLab(t, Wait, 3*time.Second, 1<<30)
	l.state(Zero)
	l.exec(table)
	w := l.write(4)
	w.reach(200)
	l.exec("select pg_switch_wal()")
	w.reach(200)
	sums := func() string {
		return l.once("cd " + labDir + "; for d in $(ls -tr); do find $d -name '0*' -type f -exec sha256sum {} + | sort; break; done")
	}
	l.loseDatabase()
	w.end()
	before := sums()
	require.NotEmpty(t, before)
	l.data = testkit.Volume(t).Name
	l.startDB()
	l.state(Zero)
	l.exec(table)
	l.baseBackup()
	w = l.write(4)
	w.reach(200)
	l.exec("select pg_switch_wal()")
	w.reach(200)
	require.Equal(t, "2", firstLine(l.once("ls "+labDir+" | wc -l")), "a folder each")
	require.Equal(t, before, l.once("cd "+labDir+"; find $(ls -tr | head -n 1) -name '0*' -type f -exec sha256sum {} + | sort"))
	// A segment of the other one, put into the place of ours by mistake, is refused.
	l.once(`cd ` + labDir + `; set -- $(ls -tr); name=$(cd $1/*/ && ls | grep -E '^[0-9A-F]{24}$' | tail -n 1)
mkdir -p /received/mixed/$2/00000001-0001; cp $1/*/$name /received/mixed/$2/00000001-0001/000000010000000000000042`)
	l.data = testkit.Volume(t).Name // the running one keeps its own
	said := l.complete("/received/mixed")
	require.Contains(t, said, "it is refused")
	require.Contains(t, said, "segments=0")
	w.end()
}

func firstLine(text string) string {
	for i, r := range text {
		if r == '\n' {
			return text[:i]
		}
	}
	return text
}

// With "degrade" commits go on after a while, with an alarm. What the slot keeps meanwhile is
// bounded; a receiver that comes back too late begins anew by itself.
// pitfalls: a replication slot without its receiver, until WAL fills the disk.
func TestDegradeGoesOnWithAnAlarmAndComesBack(t *testing.T) {
	t.Parallel()
	const bound = 48 << 20
	l := newLab(t, Degrade, 3*time.Second, bound)
	l.state(Zero)
	l.exec(table)
	w := l.write(4)
	w.reach(100)
	resume := testkit.Pause(t, l.receiver)
	l.state(Degraded)
	l.told(EventDegraded)
	w.reach(100)
	resume()
	l.state(Zero)
	l.told(EventRecovered)
	w.reach(100)

	testkit.Kill(t, l.receiver)
	l.state(Degraded)
	w.reach(100)
	for range 5 {
		l.exec("select pg_logical_emit_message(false, 'x', repeat('y', 1000000)) from generate_series(1, 16)")
		l.exec("select pg_switch_wal()")
	}
	l.until("the slot is lost", func(context.Context) bool {
		l.exec("checkpoint")
		o, err := Look(t.Context(), l.server())
		require.NoError(t, err)
		return o.Slot == "lost"
	})
	l.told(EventSlotLost)
	require.NoError(t, l.e.Start(t.Context(), l.receiver))
	l.told(EventNewRun + ": the receiver was away for so long")
	l.state(Zero)
	w.reach(100)
	l.allThere(w.end())
}
