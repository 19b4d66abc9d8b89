//go:build integration && faults

package receive

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// The promise again, with everything else failing, too: receiver and guard are killed and
// frozen at random under load, and then the database is lost, at any moment of that.
func TestNoAcknowledgedCommitIsLostUnderFaults(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	l := newLab(t, Wait, 3*time.Second, 1<<30)
	l.state(Zero)
	l.exec(table)
	l.baseBackup()
	acked := map[int64]bool{}
	for round := range 8 {
		w := l.write(8)
		w.reach(200)
		for range 1 + random.IntN(4) {
			switch what := random.IntN(5); what {
			case 0:
				t.Logf("round %d: the receiver crashes", round)
				testkit.Crash(t, l.receiver)
			case 1:
				t.Logf("round %d: the receiver is killed, and started again", round)
				testkit.Kill(t, l.receiver)
				require.NoError(t, l.e.Start(t.Context(), l.receiver))
			case 2:
				t.Logf("round %d: the receiver is frozen for a while", round)
				resume := testkit.Pause(t, l.receiver)
				time.Sleep(time.Duration(random.IntN(5000)) * time.Millisecond)
				resume()
			case 3:
				t.Logf("round %d: the guard crashes", round)
				testkit.Crash(t, l.guard)
			default:
				l.exec("select pg_switch_wal()")
			}
			w.reach(int64(random.IntN(200)))
		}
		l.loseDatabase()
		maps.Copy(acked, w.end())
		l.restore()
		l.allThere(acked)
		l.state(Zero)
	}
}
