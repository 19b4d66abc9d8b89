package logical

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// snapshot is a state of the database that several sessions see. It lives as long as its
// two sessions do.
type snapshot struct {
	id     string // as pg_export_snapshot gave it
	at     time.Time
	lsn    string
	tables []string  // quoted names of those that are locked
	keeper *pgx.Conn // its transaction exported the snapshot
	locker *pgx.Conn // its transaction holds the tables as they are
}

// tablesSQL are the tables that pg_dump dumps rows of, but for those of extensions.
const tablesSQL = `select c.oid, n.nspname, c.relname
	from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where c.relkind in ('r', 'p') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
	and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
	order by 1`

// lockAtOnce is how many tables one LOCK names.
const lockAtOnce = 200

// takeSnapshot locks all tables against changes of their definition, then takes the
// snapshot. The order matters: TRUNCATE and ALTER TABLE do not respect older snapshots,
// so rows that one of them removed after the snapshot would be missing without an error.
func takeSnapshot(ctx context.Context, s Server, lockWait time.Duration, deferrable bool) (_ *snapshot, err error) {
	n := &snapshot{}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.locker, err = s.connect(ctx); err != nil {
		return nil, err
	}
	if n.keeper, err = s.connect(ctx); err != nil {
		return nil, err
	}
	if _, err = n.locker.Exec(ctx, "begin transaction isolation level read committed read only"); err != nil {
		return nil, fmt.Errorf("locking the tables: %w", err)
	}
	if _, err = n.locker.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d", max(lockWait.Milliseconds(), 1))); err != nil {
		return nil, fmt.Errorf("locking the tables: %w", err)
	}
	locked := map[uint32]bool{}
	if err = n.lock(ctx, s, n.locker, locked); err != nil {
		return nil, err
	}
	level := "repeatable read read only"
	if deferrable {
		level = "serializable read only deferrable"
	}
	// A table may be made between the locks and the snapshot. It is locked then, and the
	// snapshot taken anew: a few rounds do, unless tables are made all the time.
	for range 10 {
		if _, err = n.keeper.Exec(ctx, "begin transaction isolation level "+level); err != nil {
			return nil, fmt.Errorf("taking the snapshot: %w", err)
		}
		err = n.keeper.QueryRow(ctx, `select pg_export_snapshot(), now(),
			coalesce(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text, '')`).
			Scan(&n.id, &n.at, &n.lsn)
		if err != nil {
			return nil, fmt.Errorf("taking the snapshot: %w", err)
		}
		before := len(locked)
		if err = n.lock(ctx, s, n.keeper, locked); err != nil {
			return nil, err
		}
		if len(locked) == before {
			return n, nil
		}
		if _, err = n.keeper.Exec(ctx, "rollback"); err != nil {
			return nil, fmt.Errorf("taking the snapshot: %w", err)
		}
	}
	return nil, fmt.Errorf("taking the snapshot of %s: new tables kept appearing; try again when less is being created", s)
}

// lock makes the locker hold all tables that a session sees.
func (n *snapshot) lock(ctx context.Context, s Server, see *pgx.Conn, locked map[uint32]bool) error {
	type table struct {
		oid  uint32
		name string
	}
	rows, err := see.Query(ctx, tablesSQL)
	if err != nil {
		return fmt.Errorf("listing the tables of %s: %w", s, err)
	}
	var missing []table
	var oid uint32
	var schema, name string
	_, err = pgx.ForEachRow(rows, []any{&oid, &schema, &name}, func() error {
		if !locked[oid] {
			missing = append(missing, table{oid, quote(schema, name)})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing the tables of %s: %w", s, err)
	}
	for len(missing) > 0 {
		part := missing[:min(len(missing), lockAtOnce)]
		missing = missing[len(part):]
		names := make([]string, len(part))
		for i, t := range part {
			names[i] = "only " + t.name
			n.tables = append(n.tables, t.name)
			locked[t.oid] = true
		}
		if _, err := n.locker.Exec(ctx, "lock table "+strings.Join(names, ", ")+" in access share mode"); err != nil {
			return lockError(ctx, s, n.keeper, err)
		}
	}
	return nil
}

// errCrossed marks a lock that our sessions wait for in a circle.
var errCrossed = errors.New("a table is about to be altered")

// lockFor gives a session the same locks, so that it will not have to wait for any later.
func (n *snapshot) lockFor(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d", lockSoon.Milliseconds())); err != nil {
		return fmt.Errorf("locking the tables once more: %w", err)
	}
	for list := range slices.Chunk(n.tables, lockAtOnce) {
		if _, err := conn.Exec(ctx, "lock table only "+strings.Join(list, ", only ")+" in access share mode"); err != nil {
			return marked{fmt.Errorf("locking the tables once more: %w", err), errCrossed}
		}
	}
	return nil
}

func lockError(ctx context.Context, s Server, conn *pgx.Conn, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("locking the tables of %s: %w", s, err)
	}
	switch pg.Code {
	case "55P03":
		return fmt.Errorf("locking the tables of %s against changes of their definition: %w; who holds them: %s; "+
			"let that end, or give the dump more time for its locks", s, err, holders(ctx, conn))
	case "42501":
		return fmt.Errorf("locking the tables of %s: %w; dump as a superuser, or as a role that may read everything", s, err)
	case "42P01":
		return fmt.Errorf("locking the tables of %s: %w; it was dropped meanwhile, try again", s, err)
	}
	return fmt.Errorf("locking the tables of %s: %w", s, err)
}

// holders names the sessions with exclusive locks on tables, without their queries.
func holders(ctx context.Context, conn *pgx.Conn) string {
	var who string
	err := conn.QueryRow(ctx, `select coalesce(string_agg(distinct format('session %s of %s (%s, %s)', a.pid, a.usename, a.application_name, a.state), ', '), 'nobody any more')
		from pg_locks l join pg_stat_activity a using (pid)
		where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.database = (select oid from pg_database where datname = current_database())
		and l.granted`).Scan(&who)
	if err != nil {
		return "unknown (" + err.Error() + ")"
	}
	return who
}

// join opens a session that sees the snapshot.
func (n *snapshot) join(ctx context.Context, s Server) (*pgx.Conn, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, sql := range []string{"begin transaction isolation level repeatable read read only", "set transaction snapshot " + literal(n.id)} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			closeConn(conn)
			return nil, fmt.Errorf("joining the snapshot: %w", err)
		}
	}
	return conn, nil
}

// alive says whether both sessions still hold what they hold.
func (n *snapshot) alive(ctx context.Context) error {
	for _, c := range []*pgx.Conn{n.keeper, n.locker} {
		if _, err := c.Exec(ctx, "select"); err != nil {
			return fmt.Errorf("the session that holds the snapshot was lost: %w", err)
		}
	}
	return nil
}

func (n *snapshot) close() {
	closeConn(n.keeper)
	closeConn(n.locker)
}

// closeConn ends a session; its transaction is rolled back. The work is done or failed by
// then, so there is nothing to say about a failure.
func closeConn(c *pgx.Conn) {
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = c.Close(ctx)
}
