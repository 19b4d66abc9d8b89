package logical

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"drydock/internal/backup/manifest"
	"drydock/internal/run"
)

// TablesOptions are choices of RestoreTables. Tools, Jobs, NoRoles, Free, Verifier and Log
// are those of a whole restore.
type TablesOptions struct {
	RestoreOptions
	// Tables are names as manifest.ParseName reads them; of a partitioned table, all of its
	// partitions belong to it.
	Tables []string
	// Schema is where the tables go, "" is where they were. It is made if it is missing.
	Schema string
}

// RestoreTables restores single tables into an existing database, s.Database: rows,
// indexes, constraints, triggers, grants and their own sequences, all or nothing. A table
// of that name must not be there: choose another schema to look at both. Foreign keys are
// left out, for the rows that they point to may be others now; Notes name them. Types and
// functions that the tables use must be in the database.
//
// pg_restore itself cannot do this: with --table it leaves out indexes and constraints, and
// it cannot rename. So the tables are restored into a scratch database first, moved to
// their schema there, and passed on to the real one in a single transaction.
func RestoreTables(ctx context.Context, s Server, dir string, o TablesOptions) (*Restored, error) {
	admin := s
	admin.Database = "postgres"
	if s.Database == "postgres" {
		admin.Database = "template1"
	}
	t := &tables{restore: restore{o: o.RestoreOptions, s: admin, dir: dir, jobs: max(o.Jobs, 1), log: o.Log}, into: s, to: o.Schema, wanted: o.Tables}
	t.o.Database, t.o.NoTablespaces = scratchName(), true
	if t.log == nil {
		t.log = func(string) {}
	}
	defer t.close()
	err := t.steps(ctx, []step{
		{"verify", t.verify}, {"select", t.choose}, {"preflight", t.preflight}, {"roles", t.makeRoles}, {"create", t.create},
		{"load", t.load}, {"compare", t.compareTables}, {"move", t.move}, {"pass on", t.passOn},
	})
	if err != nil {
		return nil, fmt.Errorf("restoring tables of %s: %w", dir, err)
	}
	t.done.Database = s.Database
	return &t.done, nil
}

type tables struct {
	restore
	into   Server
	to     string
	wanted []string

	roots  [][2]string // schema and name of each that was asked for
	chosen map[string]bool
}

// choose finds the tables and what belongs to them, and looks whether their places are
// free.
func (t *tables) choose(ctx context.Context) error {
	if len(t.wanted) == 0 {
		return refuse("no table was named")
	}
	t.chosen = map[string]bool{}
	for _, name := range t.wanted {
		schema, table, err := t.m.Contents.FindTable(name)
		if err != nil {
			return refuse("%w", err)
		}
		t.roots = append(t.roots, [2]string{schema, table})
	}
	conn, err := t.into.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	for _, r := range t.roots {
		schema := t.to
		if schema == "" {
			schema = r[0]
		}
		var taken bool
		err := conn.QueryRow(ctx, "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2)", schema, r[1]).Scan(&taken)
		if err != nil {
			return fmt.Errorf("looking for the table %s: %w", manifest.Ident(schema, r[1]), err)
		}
		if taken {
			return refuse("%s already has %s: restore into another schema, or rename the present one first", t.into, manifest.Ident(schema, r[1]))
		}
	}
	return nil
}

// compareTables compares the chosen tables with the manifest.
func (t *tables) compareTables(ctx context.Context) error {
	if t.o.NoCompare {
		return nil
	}
	conn, err := t.s.with(t.scratch).connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	all, err := listTables(ctx, conn)
	if err != nil {
		return err
	}
	not := func(schema, name string) bool { return !t.chosen[schema+"\x00"+name] }
	queue := &tableQueue{todo: slices.DeleteFunc(all, func(j tableJob) bool { return not(j.Schema, j.Name) })}
	if err := queue.work(ctx, conn); err != nil {
		return err
	}
	want := manifest.Contents{Tables: slices.DeleteFunc(slices.Clone(t.m.Contents.Tables), func(x manifest.Table) bool { return not(x.Schema, x.Name) })}
	got := manifest.Contents{}
	for _, j := range queue.todo {
		got.Tables = append(got.Tables, j.Table)
	}
	want.Normalise()
	got.Normalise()
	return differs(manifest.Diff(want, got))
}

// move brings the tables to their schema, with all that hangs on them.
func (t *tables) move(ctx context.Context) error {
	if t.to == "" {
		return nil
	}
	conn, err := t.s.with(t.scratch).connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, "create schema if not exists "+quote(t.to)); err != nil {
		return err
	}
	moved := map[string]bool{}
	for key := range t.chosen {
		schema, name, _ := strings.Cut(key, "\x00")
		moved[t.to+"\x00"+name] = true
		if schema == t.to {
			continue
		}
		if _, err := conn.Exec(ctx, "alter table "+quote(schema, name)+" set schema "+quote(t.to)); err != nil {
			return fmt.Errorf("moving %s to the schema %s: %w", manifest.Ident(schema, name), manifest.Ident(t.to), err)
		}
	}
	t.chosen = moved
	return nil
}

// passOn dumps the tables from the scratch database into the real one, without a file.
func (t *tables) passOn(ctx context.Context) (err error) {
	conn, err := t.into.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	var made []string
	defer func() {
		if err == nil {
			return
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
		defer cancel()
		for _, schema := range made {
			if _, dropErr := conn.Exec(clean, "drop schema if exists "+quote(schema)); dropErr != nil {
				t.log(fmt.Sprintf("dropping the schema %s, which was made for the tables: %v", manifest.Ident(schema), dropErr))
			}
		}
	}()
	dump := []string{"--format=custom", "--compress=none", "--no-password", "--no-publications", "--dbname=" + t.s.with(t.scratch).dbname()}
	for key := range t.chosen {
		schema, name, _ := strings.Cut(key, "\x00")
		dump = append(dump, "--table="+pattern(schema)+"."+pattern(name))
		if slices.Contains(made, schema) {
			continue
		}
		var there bool
		if err := conn.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1)", schema).Scan(&there); err != nil {
			return fmt.Errorf("looking for the schema %s: %w", manifest.Ident(schema), err)
		}
		if there {
			continue
		}
		if _, err := conn.Exec(ctx, "create schema "+quote(schema)); err != nil {
			return fmt.Errorf("making the schema %s: %w", manifest.Ident(schema), err)
		}
		made = append(made, schema)
	}
	r, w := io.Pipe()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		c := t.o.Tools.command(t.s, "pg_dump", dump...)
		c.Stdout = w
		_, err := runTool(gctx, rawOutput(c), t.log)
		w.CloseWithError(err) // nil is the end of the stream
		return err
	})
	g.Go(func() error {
		c := t.o.Tools.command(t.into, "pg_restore", "--format=custom", "--single-transaction", "--exit-on-error", "--no-password", "--no-tablespaces", "--dbname="+t.into.dbname())
		c.Stdin = r
		said, err := runTool(gctx, c, t.log)
		r.CloseWithError(err)
		if err == nil {
			t.done.Notes = append(t.done.Notes, said...)
		}
		return err
	})
	return g.Wait()
}

// rawOutput leaves nothing to be masked in a stream that is data: replacing bytes in it
// would destroy it. The password is not in the output of pg_dump.
func rawOutput(c run.Cmd) run.Cmd {
	c.Redact = nil
	return c
}

// pattern is a name that matches itself alone where the tools expect a pattern.
func pattern(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
