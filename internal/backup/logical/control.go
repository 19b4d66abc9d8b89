package logical

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"drydock/internal/backup/manifest"
)

// This file breaks things on purpose. A check that cannot fail proves nothing, so a drill
// ends with damage that the checks of before have to see.

// ControlFile copies the smallest file of a backup aside, flips one bit of the copy, and
// returns what the check of files (the one that Verify and Restore begin with) says about
// it. It is an error if the copy was found damaged before.
func ControlFile(ctx context.Context, dir string) (name string, problems []string, err error) {
	m, err := manifest.Read(dir)
	if err != nil {
		return "", nil, err
	}
	var one *manifest.File
	for i, f := range m.Files {
		if f.Bytes > 0 && (one == nil || f.Bytes < one.Bytes) {
			one = &m.Files[i]
		}
	}
	if one == nil {
		return "", nil, fmt.Errorf("%s has no file that could be damaged", dir)
	}
	temp, err := os.MkdirTemp("", "control-*")
	if err != nil {
		return "", nil, fmt.Errorf("copying a file to damage it: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	path := filepath.Join(temp, filepath.FromSlash(one.Path))
	if err := copyFile(filepath.Join(dir, filepath.FromSlash(one.Path)), path); err != nil {
		return "", nil, fmt.Errorf("copying a file to damage it: %w", err)
	}
	alone := &manifest.Manifest{Files: []manifest.File{*one}}
	before, err := checkFiles(ctx, temp, alone, VerifyOptions{Jobs: 1})
	if err != nil {
		return "", nil, err
	}
	if len(before) > 0 {
		return "", nil, fmt.Errorf("a copy of %s is damaged before anybody damaged it: %s", one.Path, strings.Join(before, "; "))
	}
	if err := flip(path, one.Bytes/2); err != nil {
		return "", nil, fmt.Errorf("damaging a copy of %s: %w", one.Path, err)
	}
	problems, err = checkFiles(ctx, temp, alone, VerifyOptions{Jobs: 1})
	return one.Path, problems, err
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() // only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b := []byte{0}
	_, err = f.ReadAt(b, at)
	if err == nil {
		b[0] ^= 1
		_, err = f.WriteAt(b, at)
	}
	return errors.Join(err, f.Close())
}

// Damaged is one thing that was broken.
type Damaged struct {
	What string // in words: a lost row
	Kind string // table or sequence, as in manifest.Difference
	Name string // as a comparison has to name it
}

// Damage takes a row out of one table of the database, changes a value in another one, and
// sets a sequence back, as far as there are such. A database without rows gets a table too
// many. Never call it on a database that anybody needs.
func Damage(ctx context.Context, s Server) (done []Damaged, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer closeConn(conn)
	// Neither triggers nor foreign keys may repair or refuse it.
	if _, err := conn.Exec(ctx, "set session_replication_role = replica"); err != nil {
		return nil, fmt.Errorf("preparing to damage %s: %w", s, err)
	}
	tables, err := listTables(ctx, conn)
	if err != nil {
		return nil, err
	}
	lost := ""
	for i := len(tables) - 1; i >= 0; i-- { // the smallest first
		t := tables[i]
		name := quote(t.Schema, t.Name)
		if lost == "" {
			tag, err := conn.Exec(ctx, "delete from only "+name+" where ctid = (select ctid from only "+name+" limit 1)")
			if err != nil {
				return nil, fmt.Errorf("taking a row out of %s: %w", name, err)
			}
			if tag.RowsAffected() == 1 {
				lost = t.String()
				done = append(done, Damaged{"a lost row", "table", lost})
			}
			continue
		}
		changed, err := changeValue(ctx, conn, t)
		if err != nil {
			return nil, err
		}
		if changed != "" {
			done = append(done, Damaged{"a changed value of " + changed, "table", t.String()})
			break
		}
	}
	if lost == "" {
		if _, err := conn.Exec(ctx, "create table public.drydock_control (n int)"); err != nil {
			return nil, fmt.Errorf("adding a table: %w", err)
		}
		done = append(done, Damaged{"a table too many", "table", "public.drydock_control"})
	}
	back, err := setBack(ctx, conn)
	if back != "" {
		done = append(done, Damaged{"a sequence set back", "sequence", back})
	}
	return done, err
}

// changeValue changes one value of a table, in the first column that lets it: a constraint
// or a key may refuse.
func changeValue(ctx context.Context, conn *pgx.Conn, t tableJob) (string, error) {
	name := quote(t.Schema, t.Name)
	for _, c := range t.columns {
		to, ok := map[uint32]string{oidText: "%s || 'x'", oidVarchar: "left(%s, 1) || 'x'", 20: "%s + 1", 21: "%s + 1", 23: "%s + 1", 701: "%s + 1", 1700: "%s + 1",
			16: "not %s", 1114: "%s + interval '1 second'", 1184: "%s + interval '1 second'", 1082: "%s + 1"}[c.typ]
		if !ok {
			continue
		}
		column := quote(c.name)
		sql := fmt.Sprintf("update only %s set %s = %s where ctid = (select ctid from only %s where %s is not null limit 1)", name, column, fmt.Sprintf(to, column), name, column)
		tag, err := conn.Exec(ctx, sql)
		if ctx.Err() != nil {
			return "", err
		}
		if err == nil && tag.RowsAffected() == 1 {
			return manifest.Ident(c.name), nil
		}
	}
	return "", nil
}

// setBack sets the first sequence back that handed out a value.
func setBack(ctx context.Context, conn *pgx.Conn) (string, error) {
	list, err := sequences(ctx, conn)
	if err != nil {
		return "", err
	}
	for _, s := range list {
		if !s.Called || s.Cycle {
			continue
		}
		if _, err := conn.Exec(ctx, "select pg_catalog.setval($1::text::regclass, $2, false)", quote(s.Schema, s.Name), s.Start); err != nil {
			return "", fmt.Errorf("setting the sequence %s back: %w", s, err)
		}
		return s.String(), nil
	}
	return "", nil
}
