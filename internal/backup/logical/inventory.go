package logical

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"drydock/internal/backup/manifest"
)

// inventory lists what is in the database of the sessions, which must see one state. The
// first one reads the catalogs; all of them count and hash the tables, the largest first.
func inventory(ctx context.Context, conns []*pgx.Conn) (manifest.Contents, error) {
	sequences, err := sequences(ctx, conns[0])
	if err != nil {
		return manifest.Contents{}, err
	}
	return inventoryWith(ctx, conns, sequences)
}

// inventoryWith is inventory with the sequences read before.
func inventoryWith(ctx context.Context, conns []*pgx.Conn, sequences []manifest.Sequence) (manifest.Contents, error) {
	c := manifest.Contents{RowHash: manifest.RowHash, Sequences: sequences}
	first := conns[0]
	todo, err := listTables(ctx, first)
	if err != nil {
		return c, err
	}
	queue := &tableQueue{todo: todo}
	g, ctx := errgroup.WithContext(ctx)
	for _, conn := range conns[1:] {
		g.Go(func() error { return queue.work(ctx, conn) })
	}
	g.Go(func() error {
		for _, step := range []func(context.Context, *pgx.Conn, *manifest.Contents) error{
			readDatabase, readObjects, readExtensions, readMatViews, readRoles, readTablespaces, readLargeObjects,
		} {
			if err := step(ctx, first, &c); err != nil {
				return err
			}
		}
		return queue.work(ctx, first)
	})
	if err := g.Wait(); err != nil {
		return c, err
	}
	for _, t := range queue.todo {
		c.Tables = append(c.Tables, t.Table)
	}
	c.Normalise()
	return c, nil
}

// tableJob is a table to count and hash.
type tableJob struct {
	manifest.Table
	columns []column
}

type tableQueue struct {
	mu   sync.Mutex
	next int
	todo []tableJob
}

func (q *tableQueue) take() *tableJob {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == len(q.todo) {
		return nil
	}
	q.next++
	return &q.todo[q.next-1]
}

func (q *tableQueue) work(ctx context.Context, conn *pgx.Conn) error {
	for t := q.take(); t != nil; t = q.take() {
		if err := conn.QueryRow(ctx, hashQuery(t.Schema, t.Name, t.columns)).Scan(&t.Rows, &t.Hash); err != nil {
			return fmt.Errorf("counting and hashing table %s: %w", t.Table, err)
		}
	}
	return nil
}

// listTables returns the tables that hold rows with their columns in order of names.
func listTables(ctx context.Context, conn *pgx.Conn) ([]tableJob, error) {
	rows, err := conn.Query(ctx, `with t as (`+tablesSQL+`)
		select t.nspname, t.relname, c.relpersistence = 'u', c.relispartition, pg_table_size(t.oid),
			coalesce((select array_agg(a.attname::text order by a.attname::text collate "C") from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped), '{}'),
			coalesce((select array_agg(a.atttypid order by a.attname::text collate "C") from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped), '{}')
		from t join pg_class c on c.oid = t.oid where c.relkind = 'r' order by 5 desc, 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	var list []tableJob
	var t manifest.Table
	var names []string
	var types []uint32
	_, err = pgx.ForEachRow(rows, []any{&t.Schema, &t.Name, &t.Unlogged, &t.Leaf, &t.Bytes, &names, &types}, func() error {
		job := tableJob{Table: t}
		for i := range names {
			job.columns = append(job.columns, column{name: names[i], typ: types[i]})
		}
		list = append(list, job)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	return list, nil
}
