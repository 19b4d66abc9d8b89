//go:build integration

package receive

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// The promise: the server is killed under load, its volume is gone a moment later, and every
// row that was acknowledged is in the restored database. Twice, so that the second restore
// follows the timeline of the first.
func TestNoAcknowledgedCommitIsLostWithTheVolume(t *testing.T) {
	t.Parallel()
	l := newLab(t, Wait, 3*time.Second, 1<<30)
	l.state(Zero)
	l.exec(table)
	l.baseBackup()
	acked := map[int64]bool{}
	for range 2 {
		w := l.write(8)
		w.reach(1000)
		l.exec("select pg_switch_wal()") // so that there are whole segments, too
		w.reach(300)
		l.loseDatabase()
		maps.Copy(acked, w.end())
		l.restore()
		l.allThere(acked)
		l.state(Zero)
	}
	l.told(EventNewRun + ": the database was restored")
}

// pitfalls: a synchronous receiver that is down makes every commit hang. With "wait" that is
// what was asked for; somebody is told, and nothing is lost.
func TestWaitHoldsCommitsUntilTheReceiverIsBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, Wait, 2*time.Second, 1<<30)
	l.state(Zero)
	l.exec(table)
	w := l.write(4)
	w.reach(100)
	resume := testkit.Pause(t, l.receiver)
	l.state(Waiting)
	l.told(EventWaiting)
	stuck := w.count.Load()
	time.Sleep(3 * time.Second) // that nothing happens has no event
	require.Equal(t, stuck, w.count.Load(), "no commit is acknowledged while the receiver is away")
	resume()
	w.reach(100)
	l.told(EventRecovered)

	// The way out, when it cannot be brought back.
	require.NoError(t, l.e.Stop(t.Context(), l.receiver, time.Second))
	l.state(Waiting)
	require.NoError(t, Release(t.Context(), l.server()))
	w.reach(100)
	require.NoError(t, l.e.Start(t.Context(), l.receiver))
	l.state(Zero)
	l.allThere(w.end())

	// Switched off: nothing of it stays in the server.
	require.NoError(t, l.e.Stop(t.Context(), l.guard, time.Second))
	require.NoError(t, l.e.Stop(t.Context(), l.receiver, time.Second))
	done, err := Off(t.Context(), l.server())
	require.NoError(t, err)
	require.Len(t, done, 2)
	o, err := Look(t.Context(), l.server())
	require.NoError(t, err)
	require.Empty(t, o.Configured)
	require.Empty(t, o.Slot)
	require.EqualValues(t, 4<<30, o.MaxHeld, "the image's own bound again")
	done, err = Off(t.Context(), l.server())
	require.NoError(t, err)
	require.Empty(t, done)
}

// server is the database as the test sees it.
func (l *lab) server() Server {
	in, err := l.e.Container(l.t.Context(), l.db)
	require.NoError(l.t, err)
	a, _ := in.Address(l.network.Name)
	return Server{Host: a.String(), User: "app", Password: labPassword, Database: "app"}
}
