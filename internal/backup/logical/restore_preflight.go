package logical

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// Needs is how many bytes a restore needs on the server's disk, computed beforehand: the
// database as large as it was, and a tenth for sorting and the write-ahead log, which is
// recycled meanwhile, but not less than 64 MiB.
func Needs(m *manifest.Manifest) int64 {
	return m.Sizes.Database + max(m.Sizes.Database/10, 64<<20)
}

// preflight looks up everything that the restore needs and names all that is missing.
func (r *restore) preflight(ctx context.Context) error {
	admin, err := openAdmin(ctx, r.s)
	if err != nil {
		return err
	}
	r.admin = admin
	missing, err := lookUp(ctx, r.s, admin.conn, r.m, r.o)
	if err != nil {
		return err
	}
	problem, err := r.lookAtTarget(ctx)
	if err != nil {
		return err
	}
	if problem != "" {
		missing = append(missing, problem)
	}
	if len(missing) > 0 {
		return refuse("%s has not what the backup needs:\n  - %s", r.s, strings.Join(missing, "\n  - "))
	}
	return admin.dropLeftovers(ctx)
}

// lookUp returns what the server or the tools lack, each with what to do.
func lookUp(ctx context.Context, s Server, conn *pgx.Conn, m *manifest.Manifest, o RestoreOptions) ([]string, error) {
	var missing []string
	add := func(format string, args ...any) { missing = append(missing, fmt.Sprintf(format, args...)) }
	problems, err := lookAtVersions(ctx, conn, m, o.Tools)
	if err != nil {
		return nil, err
	}
	missing = append(missing, problems...)

	names, err := missingNames(ctx, conn, "select name::text from pg_available_extensions", extensionNames(m))
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		add("the extension %s is not installed on the server: install its package there", manifest.Ident(n))
	}
	if !o.NoTablespaces {
		names, err = missingNames(ctx, conn, "select spcname::text from pg_tablespace", tablespaceNames(m))
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			add("the tablespace %s is missing: make it (CREATE TABLESPACE %s LOCATION ...), or restore without tablespaces", manifest.Ident(n), quote(n))
		}
	}
	if o.NoRoles {
		names, err = missingNames(ctx, conn, "select rolname::text from pg_roles", neededRoles(m))
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			add("the role %s is missing: make it (CREATE ROLE %s), or let the restore make roles", manifest.Ident(n), quote(n))
		}
	}
	var super bool
	if err := conn.QueryRow(ctx, "select rolsuper from pg_roles where rolname = current_user").Scan(&super); err != nil {
		return nil, fmt.Errorf("asking for the rights of %q: %w", s.User, err)
	}
	if !super {
		add("the role %s is no superuser: a restore sets owners and makes extensions, connect as a superuser", manifest.Ident(s.User))
	}
	if o.Free != nil {
		free, err := o.Free(ctx)
		if err != nil {
			return nil, fmt.Errorf("asking for the free space of the server's disk: %w", err)
		}
		if need := Needs(m); free < need {
			add("the server's disk has %d MiB left and the restore needs %d MiB: make room, or restore to another server", free>>20, need>>20)
		}
	}
	return missing, nil
}

func lookAtVersions(ctx context.Context, conn *pgx.Conn, m *manifest.Manifest, t Tools) ([]string, error) {
	var number int
	var text string
	if err := conn.QueryRow(ctx, "select current_setting('server_version_num')::int, current_setting('server_version')").Scan(&number, &text); err != nil {
		return nil, fmt.Errorf("asking the server for its version: %w", err)
	}
	var out []string
	if number/10000 < m.Server.Major() {
		out = append(out, fmt.Sprintf("the server is PostgreSQL %s and the backup is one of %s: a newer dump cannot be restored into an older server, use version %d or newer", text, m.Server.Version, m.Server.Major()))
	}
	v, err := t.version(ctx, "pg_restore")
	if err != nil {
		return nil, err
	}
	if made := versionText.FindStringSubmatch(m.Tool("pg_dump")); made != nil && made[1] > "" && v.major < atoi(made[1]) {
		out = append(out, fmt.Sprintf("pg_restore is version %d (%s) and the dump was made by %s: an older one cannot read it, install postgresql-client-%s", v.major, v.text, m.Tool("pg_dump"), made[1]))
	}
	return out, nil
}

func atoi(digits string) int {
	n := 0
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}

// lookAtTarget says why the target's name cannot be used, if so.
func (r *restore) lookAtTarget(ctx context.Context) (string, error) {
	if r.target == r.s.Database {
		return fmt.Sprintf("the database %s is the one to connect to while the restore works: connect to another one (postgres, template1)", manifest.Ident(r.target)), nil
	}
	if len(r.target) == 0 || len(r.target) > 63 || strings.ContainsRune(r.target, 0) {
		return fmt.Sprintf("the name %q of the database has %d bytes: 1 to 63 are possible", r.target, len(r.target)), nil
	}
	var allowed bool
	err := r.admin.conn.QueryRow(ctx, "select datallowconn and not datistemplate from pg_database where datname = $1", r.target).Scan(&allowed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the database %s: %w", r.target, err)
	}
	r.exists = true
	if !allowed {
		return fmt.Sprintf("the database %s is a template, or lets nobody connect: choose another name", manifest.Ident(r.target)), nil
	}
	if r.o.Replace {
		return "", nil
	}
	conn, err := r.s.with(r.target).connect(ctx)
	if err != nil {
		return "", err
	}
	defer closeConn(conn)
	var objects int
	// The backup service writes its heartbeat into a new database, too: that is not what somebody would miss.
	err = conn.QueryRow(ctx, `with own as (select oid from pg_namespace where nspname = $1)
		select (select count(*) from pg_class c where c.oid >= 16384 and c.relnamespace <> 'pg_toast'::regnamespace and c.relnamespace not in (select oid from own)) + (select count(*) from pg_proc where oid >= 16384)
		+ (select count(*) from pg_type where oid >= 16384 and typnamespace not in (select oid from own)) + (select count(*) from pg_largeobject_metadata)
		+ (select count(*) from pg_namespace where oid >= 16384 and nspname !~ '^pg_' and nspname <> $1)`, HeartbeatSchema).Scan(&objects)
	if err != nil {
		return "", fmt.Errorf("looking into the database %s: %w", r.target, err)
	}
	if objects > 0 {
		return fmt.Sprintf("the database %s exists and is not empty (%d objects): choose another name, or let the restore replace it", manifest.Ident(r.target), objects), nil
	}
	return "", nil
}

func missingNames(ctx context.Context, conn *pgx.Conn, sql string, wanted []string) ([]string, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("asking the server what it has: %w", err)
	}
	have, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("asking the server what it has: %w", err)
	}
	return slices.DeleteFunc(wanted, func(n string) bool { return slices.Contains(have, n) }), nil
}

func extensionNames(m *manifest.Manifest) []string {
	var out []string
	for _, e := range m.Contents.Extensions {
		out = append(out, e.Name)
	}
	return out
}

func tablespaceNames(m *manifest.Manifest) []string {
	var out []string
	for _, t := range m.Contents.Tablespaces {
		out = append(out, t.Name)
	}
	return out
}

func neededRoles(m *manifest.Manifest) []string {
	var out []string
	for _, r := range m.Contents.Roles {
		if r.Needed {
			out = append(out, r.Name)
		}
	}
	return out
}
