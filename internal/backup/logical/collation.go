package logical

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// CollationProblem is a collation whose version is not the one that the database's indexes
// were made with: the system's libraries sort in another way now, so indexes over text
// may miss rows and unique ones may hold duplicates.
type CollationProblem struct {
	Collation string // "database" or the collation's name
	Recorded  string // version that the indexes were made with
	Actual    string // version of the libraries now
	Advice    string // SQL to run, and why
}

// String is one line for people.
func (p CollationProblem) String() string {
	return fmt.Sprintf("%s: made with version %s, the server has %s now; %s", p.Collation, p.Recorded, p.Actual, p.Advice)
}

// Collations finds collations whose version has changed under a database. Nil means that
// all indexes are sorted as the server sorts now.
func Collations(ctx context.Context, s Server) ([]CollationProblem, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer closeConn(conn)
	return collations(ctx, conn)
}

func collations(ctx context.Context, conn *pgx.Conn) ([]CollationProblem, error) {
	rows, err := conn.Query(ctx, `select '', datname::text, datcollversion, pg_database_collation_actual_version(oid)
			from pg_database where datname = current_database()
		union all select n.nspname, c.collname, c.collversion, pg_collation_actual_version(c.oid)
			from pg_collation c join pg_namespace n on n.oid = c.collnamespace
			where c.collversion is not null and exists (select from pg_attribute a where a.attcollation = c.oid and a.attrelid >= 16384)
		order by 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("comparing the versions of collations: %w", err)
	}
	var list []CollationProblem
	var schema, name string
	var recorded, actual *string
	_, err = pgx.ForEachRow(rows, []any{&schema, &name, &recorded, &actual}, func() error {
		if recorded == nil || actual == nil || *recorded == *actual {
			return nil
		}
		p := CollationProblem{Collation: "database", Recorded: *recorded, Actual: *actual}
		if schema == "" {
			p.Advice = fmt.Sprintf("run REINDEX DATABASE %[1]s; then ALTER DATABASE %[1]s REFRESH COLLATION VERSION;", quote(name))
		} else {
			p.Collation = "collation " + quote(schema, name)
			p.Advice = fmt.Sprintf("run REINDEX on the indexes that use it, or REINDEX DATABASE; then ALTER COLLATION %s REFRESH VERSION;", quote(schema, name))
		}
		list = append(list, p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("comparing the versions of collations: %w", err)
	}
	return list, nil
}

func collationWarning(d manifest.Database) string {
	return fmt.Sprintf("the database's indexes were made with version %s of its collation, the server has %s: they may be out of order; "+
		"run REINDEX DATABASE %s; then ALTER DATABASE %s REFRESH COLLATION VERSION; (the dump itself reads tables, not indexes, and a restore makes new ones)",
		d.Collation, d.CollationActual, quote(d.Name), quote(d.Name))
}
