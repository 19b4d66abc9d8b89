package logical

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// adminConn is the session that makes, renames and drops databases, and tells other
// restores which scratch database is still in use. A cancelled context costs a session its
// life, so that it is opened again where needed.
type adminConn struct {
	s    Server
	conn *pgx.Conn
	held string
}

func openAdmin(ctx context.Context, s Server) (*adminConn, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &adminConn{s: s, conn: conn}, nil
}

func (a *adminConn) session(ctx context.Context) (*pgx.Conn, error) {
	if !a.conn.IsClosed() {
		return a.conn, nil
	}
	conn, err := a.s.connect(ctx)
	if err != nil {
		return nil, err
	}
	a.conn = conn
	if a.held != "" {
		return conn, a.hold(ctx, a.held)
	}
	return conn, nil
}

func (a *adminConn) exec(ctx context.Context, sql string) error {
	conn, err := a.session(ctx)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return err
}

// lockKey is the first half of our advisory locks: the four letters "ddrs".
const lockKey = 0x64647273

// hold marks a scratch database as in use. The lock goes away with the session, also
// when this process is killed.
func (a *adminConn) hold(ctx context.Context, scratch string) error {
	conn, err := a.session(ctx)
	if err != nil {
		return err
	}
	a.held = scratch
	var got bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1::int, hashtext($2))", lockKey, scratch).Scan(&got); err != nil {
		return fmt.Errorf("marking %s as in use: %w", scratch, err)
	}
	if !got {
		return fmt.Errorf("marking %s as in use: somebody else does", scratch)
	}
	return nil
}

// dropLeftovers drops the scratch databases of restores that are no more. Only those that
// carry our comment or whose restore died before it could comment, recognised by name,
// and that nobody holds.
func (a *adminConn) dropLeftovers(ctx context.Context) error {
	conn, err := a.session(ctx)
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, `select datname::text from pg_database d where datname ~ $1
		and coalesce(shobj_description(oid, 'pg_database'), $2) like $2 || '%'`, "^"+scratchPrefix+"[a-z2-7]{12}$", scratchComment)
	if err != nil {
		return fmt.Errorf("looking for what killed restores left: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("looking for what killed restores left: %w", err)
	}
	for _, name := range names {
		var free bool
		if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1::int, hashtext($2))", lockKey, name).Scan(&free); err != nil {
			return fmt.Errorf("looking at %s: %w", name, err)
		}
		if !free {
			continue
		}
		err := dropDatabase(ctx, a, a.s, name)
		if _, unlockErr := conn.Exec(ctx, "select pg_advisory_unlock($1::int, hashtext($2))", lockKey, name); err == nil {
			err = unlockErr
		}
		if err != nil {
			return fmt.Errorf("dropping %s, which a killed restore left: %w", name, err)
		}
	}
	return nil
}

// dropDatabase drops a database and ends its sessions. One with subscriptions cannot be
// dropped before they are.
func dropDatabase(ctx context.Context, a *adminConn, s Server, name string) error {
	// pg_restore's sessions may need a moment to notice that it is gone; FORCE ends them.
	err := a.exec(ctx, "drop database if exists "+quote(name)+" with (force)")
	if err == nil || !strings.Contains(err.Error(), "subscription") {
		return err
	}
	conn, connErr := s.with(name).connect(ctx)
	if connErr != nil {
		return err
	}
	defer closeConn(conn)
	rows, err := conn.Query(ctx, "select subname::text from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())")
	if err != nil {
		return err
	}
	subscriptions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, sub := range subscriptions {
		for _, sql := range []string{"alter subscription %s disable", "alter subscription %s set (slot_name = none)", "drop subscription %s"} {
			if _, err := conn.Exec(ctx, fmt.Sprintf(sql, quote(sub))); err != nil {
				return err
			}
		}
	}
	return a.exec(ctx, "drop database if exists "+quote(name)+" with (force)")
}

func (a *adminConn) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = a.conn.Close(ctx) // the work is done or failed by now
}
