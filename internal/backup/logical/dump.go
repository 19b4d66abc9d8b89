package logical

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// The files of a backup beside its manifest.
const (
	dumpDir     = "dump"
	globalsFile = "globals.sql"
)

// minServer is the oldest server that the inventory's queries run on.
const minServer = 15

// DumpOptions are choices of a dump. The zero value works.
type DumpOptions struct {
	Tools Tools
	Jobs  int // parallel jobs of pg_dump, and as many sessions that hash; 0 is 2
	Level int // of zstd, 1 to 19; 0 is 3

	AllowEmpty    bool // a database without any table is not refused
	RolePasswords bool // keep the roles' password verifiers in globals.sql
	// Deferrable waits for a moment without running serializable transactions that could
	// make the snapshot one that no serial order explains.
	Deferrable bool
	LockWait   time.Duration // how long to wait for tables that are being altered; 0 is one minute

	Signer manifest.Signer  // nil leaves the manifest unsigned
	Now    func() time.Time // nil is time.Now
	Log    func(string)     // what the tools say, a line a call; nil discards
}

func (o DumpOptions) withDefaults() DumpOptions {
	if o.Jobs <= 0 {
		o.Jobs = 2
	}
	if o.Level == 0 {
		o.Level = 3
	}
	if o.LockWait <= 0 {
		o.LockWait = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o
}

// Dump dumps the server's database into an empty folder and returns the sealed manifest,
// which the caller writes with manifest.Write once it likes the result. After an error
// the folder holds no backup and is the caller's to discard; an ErrRefused came before
// anything was written.
func Dump(ctx context.Context, s Server, dir string, o DumpOptions) (*manifest.Manifest, error) {
	o = o.withDefaults()
	m := &manifest.Manifest{Format: manifest.Format, Kind: manifest.KindLogical, Started: o.Now(),
		Options: manifest.Options{Compression: "zstd:" + strconv.Itoa(o.Level), Jobs: o.Jobs, RolePasswords: o.RolePasswords}}
	if err := checkEmptyDir(dir); err != nil {
		return nil, err
	}
	if o.Level < 1 || o.Level > 19 {
		return nil, refuse("dumping %s: the compression level is %d; zstd's are 1 to 19", s, o.Level)
	}
	if err := checkTools(ctx, s, o.Tools, m); err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		err := dumpOnce(ctx, s, dir, o, m)
		if err == nil {
			break
		}
		err = fmt.Errorf("dumping %s: %w", s, withCause(ctx, err))
		if !crossed(err) || ctx.Err() != nil {
			return nil, err
		}
		if attempt == maxAttempts {
			return nil, fmt.Errorf("%w; tables were truncated, altered or vacuumed in full during each of %d attempts: dump when less of that goes on", err, attempt)
		}
		m.Warnings = append(m.Warnings, fmt.Sprintf("attempt %d was crossed by a TRUNCATE, ALTER TABLE or the like, and given up", attempt))
		o.Log(m.Warnings[len(m.Warnings)-1])
		o.Jobs = 1
		for _, name := range []string{dumpDir, globalsFile} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return nil, fmt.Errorf("dumping %s: removing what the last attempt left: %w", s, err)
			}
		}
	}
	if err := finish(ctx, dir, o, m); err != nil {
		return nil, fmt.Errorf("dumping %s: %w", s, err)
	}
	return m, nil
}

// checkEmptyDir makes sure that nothing of another backup gets mixed in.
func checkEmptyDir(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return refuse("dumping into %s: %w; give an existing, empty folder", dir, err)
	}
	if len(list) > 0 {
		return refuse("dumping into %s: it is not empty (%s is in it); give an empty folder", dir, list[0].Name())
	}
	return nil
}

// checkTools compares the versions of tools and server before anything is written.
func checkTools(ctx context.Context, s Server, t Tools, m *manifest.Manifest) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	err = conn.QueryRow(ctx, "select current_setting('server_version_num')::int, current_setting('server_version')").Scan(&m.Server.VersionNumber, &m.Server.Version)
	if err != nil {
		return fmt.Errorf("asking %s for its version: %w", s, err)
	}
	if m.Server.Major() < minServer {
		return refuse("dumping %s: the server is PostgreSQL %s, and this needs %d or newer; use pg_dump by hand", s, m.Server.Version, minServer)
	}
	for _, tool := range []string{"pg_dump", "pg_dumpall", "pg_restore"} {
		v, err := t.version(ctx, tool)
		if err != nil {
			return fmt.Errorf("dumping %s: %w", s, err)
		}
		if err := v.checkAge(tool, m.Server.Major(), m.Server.Version); err != nil {
			return err
		}
		m.Tools = append(m.Tools, manifest.Tool{Name: tool, Version: v.text})
	}
	return nil
}

// checkNotEmpty refuses a database without tables: it is most often the wrong one, and
// its valid dump would look like a good backup.
func checkNotEmpty(ctx context.Context, conn *pgx.Conn, s Server, o DumpOptions) error {
	if o.AllowEmpty {
		return nil
	}
	var tables int
	var others string
	err := conn.QueryRow(ctx, "select (select count(*) from ("+tablesSQL+") t where nspname <> '"+HeartbeatSchema+"'), coalesce((select string_agg(quote_ident(datname), ', ' order by datname) from pg_database where datallowconn and datname <> current_database() and datname <> 'template1'), 'none')").Scan(&tables, &others)
	if err != nil {
		return fmt.Errorf("counting the tables of %s: %w", s, err)
	}
	if tables == 0 {
		return marked{refuse("the database holds no table; is it the right one? Others on this server: %s. To back it up all the same, allow an empty database", others), ErrEmpty}
	}
	return nil
}

// settingsThatMatter are shown in the manifest: what a restore, or who looks for the reason
// of a difference, may ask for.
var settingsThatMatter = []string{"block_size", "data_checksums", "datestyle", "default_table_access_method", "default_text_search_config",
	"default_toast_compression", "lc_messages", "lc_monetary", "lc_numeric", "lc_time", "max_connections", "max_locks_per_transaction",
	"max_prepared_transactions", "server_encoding", "shared_preload_libraries", "timezone", "wal_level"}

func readServer(ctx context.Context, conn *pgx.Conn, m *manifest.Manifest) error {
	rows, err := conn.Query(ctx, "select name, coalesce(reset_val, setting) from pg_settings where name = any($1)", settingsThatMatter)
	if err != nil {
		return fmt.Errorf("reading the server's settings: %w", err)
	}
	if m.Server.Settings, err = pgx.CollectRows(rows, pgx.RowToStructByPos[manifest.Setting]); err != nil {
		return fmt.Errorf("reading the server's settings: %w", err)
	}
	err = conn.QueryRow(ctx, "select pg_database_size(current_database())").Scan(&m.Sizes.Database)
	if err != nil {
		return fmt.Errorf("reading the database's size: %w", err)
	}
	// A role without the right to it does without.
	var allowed bool
	if err := conn.QueryRow(ctx, "select has_function_privilege('pg_control_system()', 'execute')").Scan(&allowed); err != nil {
		return fmt.Errorf("reading the server's identifier: %w", err)
	}
	if allowed {
		if err := conn.QueryRow(ctx, "select system_identifier::text from pg_control_system()").Scan(&m.Server.SystemIdentifier); err != nil {
			return fmt.Errorf("reading the server's identifier: %w", err)
		}
	}
	return nil
}

// finish checks that what pg_dump wrote has every table, hashes the files and seals.
func finish(ctx context.Context, dir string, o DumpOptions, m *manifest.Manifest) error {
	toc, err := readTOC(ctx, o.Tools, dir)
	if err != nil {
		return err
	}
	if problems := toc.problems(m); len(problems) > 0 {
		return fmt.Errorf("pg_dump ended well, but its output is not whole: %s", strings.Join(problems, "; "))
	}
	if m.Files, err = hashFiles(ctx, dir, o.Jobs); err != nil {
		return err
	}
	for _, f := range m.Files {
		m.Sizes.Files += f.Bytes
	}
	m.Finished = o.Now()
	return m.Seal(o.Signer)
}
