package logical

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// load restores the definitions of everything, but the rows of the chosen tables alone.
func (t *tables) load(ctx context.Context) error {
	toc, err := readTOC(ctx, t.o.Tools, t.dir)
	if err != nil {
		return err
	}
	// Everything before the rows first: then the catalog tells which partitions there are.
	if err := t.pgRestore(ctx, toc, "--section=pre-data"); err != nil {
		return err
	}
	if err := t.addPartitions(ctx); err != nil {
		return err
	}
	return t.pgRestore(ctx, toc, "--section=data", "--section=post-data")
}

// pgRestore restores the needed entries of some sections.
func (t *tables) pgRestore(ctx context.Context, toc *toc, sections ...string) error {
	list, err := os.CreateTemp("", "drydock-restore-*.list")
	if err != nil {
		return fmt.Errorf("writing the list of what to restore: %w", err)
	}
	defer os.Remove(list.Name())
	var lines strings.Builder
	for _, l := range toc.lines {
		if t.keeps(l) {
			lines.WriteString(l.text + "\n")
		}
	}
	_, err = list.WriteString(lines.String())
	if err = errors.Join(err, list.Close()); err != nil {
		return fmt.Errorf("writing the list of what to restore: %w", err)
	}
	args := append([]string{"--format=directory", "--jobs=" + strconv.Itoa(t.jobs), "--exit-on-error", "--no-password", "--no-tablespaces",
		"--dbname=" + t.s.with(t.scratch).dbname(), "--use-list=" + list.Name()}, sections...)
	_, err = runTool(ctx, t.o.Tools.command(t.s, "pg_restore", append(args, filepath.Join(t.dir, dumpDir))...), t.log)
	return err
}

// addPartitions adds all partitions below the chosen tables.
func (t *tables) addPartitions(ctx context.Context) error {
	conn, err := t.s.with(t.scratch).connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	for _, r := range t.roots {
		rows, err := conn.Query(ctx, `with recursive p as (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2
			union all select i.inhrelid from pg_inherits i join p on i.inhparent = p.oid)
			select n.nspname, c.relname from p join pg_class c using (oid) join pg_namespace n on n.oid = c.relnamespace`, r[0], r[1])
		if err != nil {
			return fmt.Errorf("listing the partitions of %s: %w", manifest.Ident(r[:]...), err)
		}
		var schema, name string
		if _, err := pgx.ForEachRow(rows, []any{&schema, &name}, func() error {
			t.chosen[schema+"\x00"+name] = true
			return nil
		}); err != nil {
			return fmt.Errorf("listing the partitions of %s: %w", manifest.Ident(r[:]...), err)
		}
	}
	return nil
}

// keeps says whether an entry is needed for the chosen tables.
func (t *tables) keeps(l tocLine) bool {
	switch {
	case l.isTableData():
		for key := range t.chosen {
			schema, name, _ := strings.Cut(key, "\x00")
			if strings.HasPrefix(l.rest, tableData(schema, name)) {
				return true
			}
		}
		return false
	case strings.HasPrefix(l.rest, "FK CONSTRAINT "):
		for key := range t.chosen {
			schema, name, _ := strings.Cut(key, "\x00")
			if strings.HasPrefix(l.rest, "FK CONSTRAINT "+schema+" "+name+" ") {
				t.note("a foreign key was left out: %s", strings.TrimPrefix(l.rest, "FK CONSTRAINT "))
			}
		}
		return false
	}
	for _, kind := range []string{"BLOB", "MATERIALIZED VIEW DATA ", "EVENT TRIGGER ", "PUBLICATION ", "SUBSCRIPTION ",
		"COMMENT - LARGE OBJECT ", "ACL - LARGE OBJECT ", "SECURITY LABEL - LARGE OBJECT "} {
		if strings.HasPrefix(l.rest, kind) {
			return false
		}
	}
	return true
}
