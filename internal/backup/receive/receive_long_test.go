//go:build integration && long

package receive

import (
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
