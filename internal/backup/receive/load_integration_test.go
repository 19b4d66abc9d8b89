//go:build integration

package receive

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"
)

const table = "create table acked (n bigint primary key, filler text)"

// writers insert rows, each in a transaction of its own, and remember which ones the
// server acknowledged. They end at the first error.
type writers struct {
	l     *lab
	stop  context.CancelFunc
	wait  sync.WaitGroup
	acked []map[int64]bool // by writer
	count atomic.Int64
}

var nextRow atomic.Int64

func (l *lab) write(n int) *writers {
	l.t.Helper()
	ctx, stop := context.WithCancel(l.t.Context())
	w := &writers{l: l, stop: stop, acked: make([]map[int64]bool, n)}
	for i := range n {
		c, err := l.connect(l.t.Context())
		require.NoError(l.t, err)
		w.acked[i] = map[int64]bool{}
		w.wait.Go(func() {
			defer c.Close(context.Background())
			for ctx.Err() == nil {
				row := nextRow.Add(1)
				if _, err := c.Exec(ctx, "insert into acked values ($1, repeat('x', 200))", row); err != nil {
					return
				}
				w.acked[i][row] = true
				w.count.Add(1)
			}
		})
	}
	return w
}

// reach waits until so many more rows are acknowledged.
func (w *writers) reach(more int64) {
	w.l.t.Helper()
	from := w.count.Load()
	w.l.until("rows are acknowledged", func(context.Context) bool { return w.count.Load() >= from+more })
}

// end returns what was acknowledged.
func (w *writers) end() map[int64]bool {
	w.stop()
	w.wait.Wait()
	all := map[int64]bool{}
	for _, m := range w.acked {
		for row := range m {
			all[row] = true
		}
	}
	return all
}

// allThere checks that every acknowledged row is in the database.
func (l *lab) allThere(acked map[int64]bool) {
	l.t.Helper()
	c, err := l.connect(l.t.Context())
	require.NoError(l.t, err)
	defer c.Close(context.Background())
	rows, err := c.Query(l.t.Context(), "select n from acked")
	require.NoError(l.t, err)
	there := map[int64]bool{}
	for rows.Next() {
		var n int64
		require.NoError(l.t, rows.Scan(&n))
		there[n] = true
	}
	require.NoError(l.t, rows.Err())
	lost := 0
	for n := range acked {
		if !there[n] {
			lost++
		}
	}
	require.NotEmpty(l.t, acked)
	require.Zero(l.t, lost, "of %d acknowledged rows so many are lost", len(acked))
	l.t.Logf("%d acknowledged rows, all of them there", len(acked))
}
