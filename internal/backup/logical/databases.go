package logical

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Databases returns the names of all databases of the server that can be dumped: those
// that let somebody connect, without templates. s.Database is the one to connect to.
func Databases(ctx context.Context, s Server) ([]string, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer closeConn(conn)
	rows, err := conn.Query(ctx, "select datname::text from pg_database where datallowconn and not datistemplate order by 1")
	if err != nil {
		return nil, fmt.Errorf("listing the databases of %s: %w", s, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("listing the databases of %s: %w", s, err)
	}
	return names, nil
}
