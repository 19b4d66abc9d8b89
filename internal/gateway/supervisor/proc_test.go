package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWorkersOfAMaster(t *testing.T) {
	proc := t.TempDir()
	add := func(pid, parent, start int, state, name, title string) {
		dir := filepath.Join(proc, fmt.Sprint(pid))
		require.NoError(t, os.Mkdir(dir, 0o755))
		stat := fmt.Sprintf("%d (%s) %s %d%s %d 0 0\n", pid, name, state, parent, strings.Repeat(" 0", 17), start)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cmdline"), []byte(title+"\x00"), 0o600))
	}
	add(1, 0, 1, "S", "gateway", "gateway\x00run")
	add(7, 1, 2, "S", "nginx", "nginx: master process nginx -e stderr")
	add(9, 7, 30, "S", "nginx", "nginx: worker process")
	add(8, 7, 20, "S", "nginx", "nginx: worker process is shutting down")
	add(10, 7, 30, "Z", "nginx", "nginx: worker process")
	add(11, 7, 31, "S", "nginx", "nginx: cache manager process")
	add(12, 1, 31, "S", ") S 7 (", "nginx: worker process")
	add(13, 7, 30, "S", "nginx) Z 1", "nginx: worker process")
	require.NoError(t, os.Mkdir(filepath.Join(proc, "14"), 0o755)) // it ended while it was read
	got, err := workers(proc, 7)
	require.NoError(t, err)
	assert.Equal(t, []Worker{{8, 20, true}, {9, 30, false}, {13, 30, false}}, got)
}

func TestVigil(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	a, b, c := Worker{Pid: 1, Start: 1}, Worker{Pid: 2, Start: 2}, Worker{Pid: 3, Start: 3}
	old := func(w Worker) Worker { w.Old = true; return w }

	v := newVigil([]Worker{a})
	require.NoError(t, v.look(at(0), []Worker{a}))
	require.NoError(t, v.look(at(10), []Worker{a, b}))
	require.NoError(t, v.look(at(20), []Worker{old(a), b}))
	require.NoError(t, v.look(at(30), []Worker{b}), "one of before was told to end")
	assert.ErrorContains(t, v.look(at(40), []Worker{c}), "worker 2 died", "and came back as another")

	v = newVigil([]Worker{a})
	require.NoError(t, v.look(at(0), []Worker{old(a)}))
	require.NoError(t, v.look(at(1900), []Worker{old(a)}))
	require.NoError(t, v.look(at(1950), []Worker{old(a), b}))
	assert.Error(t, v.look(at(1960), []Worker{{Pid: 2, Start: 9}}), "the same number, another process")

	v = newVigil([]Worker{a})
	require.NoError(t, v.look(at(0), nil))
	assert.ErrorContains(t, v.look(at(2000), nil), "no worker")

	v = newVigil(nil)
	require.NoError(t, v.look(at(0), nil))
	require.NoError(t, v.look(at(9000), nil), "on a busy machine nginx takes long to start its first worker")
	require.NoError(t, v.look(at(9010), []Worker{a}))
	assert.Error(t, v.look(at(9020), nil))
}
