//go:build integration

package logical

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/manifest"
)

// Every file of a backup is flipped in one byte, cut, emptied and removed, and none of it may pass.
// A folder that was removed from a repository left its check content (pgbackrest 2723).
func testFaultsInFiles(t *testing.T) {
	dir, m := dumped(t)
	_, err := Verify(t.Context(), dir, VerifyOptions{Deep: true})
	require.NoError(t, err)
	done, seen := 0, 0
	fault := func(name string, damage func(path string) error) {
		done++
		path := filepath.Join(dir, filepath.FromSlash(name))
		keep, err := os.ReadFile(path)
		existed := err == nil
		require.NoError(t, damage(path))
		_, err = Verify(t.Context(), dir, VerifyOptions{})
		if assert.Error(t, err, name) && (strings.Contains(err.Error(), filepath.Base(name)) || name == dumpDir+"/"+"dir") {
			seen++
		} else {
			t.Errorf("%s: not named: %v", name, err)
		}
		require.NoError(t, os.RemoveAll(path))
		if existed {
			require.NoError(t, os.WriteFile(path, keep, 0o600))
		}
	}
	edit := func(change func([]byte) []byte) func(string) error {
		return func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, change(data), 0o600)
		}
	}
	for _, f := range append(slices.Clone(m.Files), manifest.File{Path: manifest.FileName, Bytes: 1}) {
		name := f.Path
		if f.Bytes > 0 { // an empty large object has an empty file
			fault(name, edit(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }))
			fault(name, edit(func(b []byte) []byte { return b[:len(b)-1] }))
			fault(name, edit(func([]byte) []byte { return nil }))
		}
		fault(name, edit(func(b []byte) []byte { return append(b, 0) }))
		fault(name, os.Remove)
	}
	fault(dumpDir+"/extra.dat.zst", func(p string) error { return os.WriteFile(p, []byte("x"), 0o600) })
	fault("extra", func(p string) error { return os.WriteFile(p, nil, 0o600) })
	fault(dumpDir+"/link.dat.zst", func(p string) error { return os.Symlink("/etc/passwd", p) })
	// A manifest that tells another number of rows, and another hash of a file.
	fault(manifest.FileName, edit(func(b []byte) []byte { return bytes.Replace(b, []byte(`"rows": 60000`), []byte(`"rows": 60001`), 1) }))
	fault(manifest.FileName, edit(func(b []byte) []byte {
		return bytes.Replace(b, []byte(m.Files[0].SHA256), []byte(m.Files[1].SHA256), 1)
	}))
	_, err = Verify(t.Context(), dir, VerifyOptions{Deep: true})
	require.NoError(t, err, "the tests did not put everything back")

	// Somebody who writes a new manifest without the key.
	key := manifest.HMAC{Key: []byte("0123456789abcdef")}
	done++
	_, err = Verify(t.Context(), dir, VerifyOptions{Verifier: key})
	if assert.ErrorIs(t, err, manifest.ErrSignature) {
		seen++
	}
	// Rows that were lost before the files were hashed: only unpacking tells.
	for _, lie := range []func(*manifest.Manifest){
		func(m *manifest.Manifest) { m.Contents.Tables[3].Rows++ },
		func(m *manifest.Manifest) {
			m.Contents.Tables = append(m.Contents.Tables, manifest.Table{Schema: "public", Name: "not in the dump"})
		},
	} {
		done++
		twin := copyOf(t, dir)
		forged, err := manifest.Read(twin)
		require.NoError(t, err)
		lie(forged)
		require.NoError(t, forged.Seal(nil))
		require.NoError(t, manifest.Write(twin, forged))
		_, err = Verify(t.Context(), twin, VerifyOptions{Deep: true})
		if assert.ErrorIs(t, err, ErrDamaged) {
			seen++
		}
	}
	t.Logf("faults seen %d of %d", seen, done)
	assert.Equal(t, done, seen)
}

// Each of these is done to the restored database inside of a transaction, and must be found
// by name; sequences, whose state is outside of transactions, are put back by hand.
var damages = []struct{ sql, want string }{
	{"delete from public.bulk where id = 4711", "table rows public.bulk: expected 60000, found 59999"},
	{"insert into public.bulk select * from public.bulk where id = 1", "table rows public.bulk"},
	{"update public.bulk set a = 'x' where id = 4711", "table hash public.bulk"},
	{"update public.bulk set d = d + interval '1 us' where id = 1", "table hash public.bulk"},
	{"update public.bulk x set a = y.a from public.bulk y where (x.id, y.id) in ((1, 2), (2, 1))", "table hash public.bulk"}, // two rows swap a value
	{"update public.bulk set a = b, b = a where id = 1", "table hash public.bulk"},                                           // two columns do
	{"update public.bulk set c = -c where id = 4711", "table hash public.bulk"},                                              // hash_numeric does not see a sign
	{"update public.accounts set balance = 4294967297 where id = 1", "table hash public.accounts"},                           // hashint8 takes it for 0
	{"delete from public.history; insert into public.history values (1)", "table rows public.history"},
	{"update %T set body = '' where body is null", "table hash %N"},
	{"update %T set n = 1.000 where n = 1.0", "table hash %N"},
	{"update %T set f = 0 where f = 0", "table hash %N"}, // -0 becomes 0
	{"update %T set arr = '{NULL}' where arr = '{}'", "table hash %N"},
	{"update %T set p = (null, null) where d = 2", "table hash %N"},
	{"update %T set iv = '1 month 2 days' where iv = '32 days' and d = 2", "table hash %N"}, // equal for SQL
	{"update %T set e = 'a@b' where e = 'A@b' and d = 2", "table hash %N"},                  // so is this
	{"update %T set m = 'sad' where m = 'ü %'", "table hash %N"},
	{"update public.folded set t = 'strasse' where t = 'STRASSE'", "table hash public.folded"},
	{"delete from only public.child", "table rows public.child"},
	{"delete from public.nothing", "table rows public.nothing"},
	{"update public.parts set at = at + 1 where id = 40", "table "}, {"drop table public.unlogged", "table public.unlogged: missing"},
	{"truncate public.in_space", "table rows public.in_space"}, {"create table public.extra ()", "table public.extra: not in the backup"},
	{"alter table public.unlogged set logged", "table public.unlogged"},
	{"select lo_unlink(4711)", "large objects count"}, {`select lo_put(4711, 0, '\x01')`, "large objects hash"},
	{"select lo_create(4799)", "large objects count"}, {"alter large object 4712 owner to " + quote(hardOwner), "large objects owned by"},
	{"revoke all on large object 4712 from " + quote(hardReader), "large objects hash"}, {"select lo_truncate(lo_open(4713, 131072), 5)", "large objects bytes"},
	{"drop extension file_fdw", "extension file_fdw: missing"}, {"alter extension hstore set schema public", "extension hstore"},
	{"drop index %S.\"ind ex ü\"", "index "}, {"alter table public.orders drop constraint orders_serial_fkey", "table constraint orders_serial_fkey"},
	{"alter table public.booking drop constraint booking_room_during_excl", "booking_room_during_excl"},
	{"alter table %T drop constraint \"ta\"\"ble %@:/ ü_v_check\"", "table constraint"},
	{"alter domain public.positive drop constraint positive_check", "domain constraint positive_check"},
	{"drop trigger touch on %T", "trigger touch"}, {"alter table %T disable trigger touch", "trigger touch"},
	{"drop event trigger et", "event trigger et"}, {"alter event trigger et disable", "event trigger et"}, {"drop rule r on public.self", "rule r"},
	{"drop policy deny on public.secret_rows", "policy deny"}, {"alter table public.secret_rows disable row level security", "table public.secret_rows"},
	{"alter table public.secret_rows no force row level security", "table public.secret_rows"},
	{"alter table public.secret_rows owner to current_user", "table public.secret_rows"},
	{"revoke grant option for select on public.secret_rows from " + quote(hardReader), "table public.secret_rows"},
	{"revoke update (n) on %T from " + quote(hardReader), "table column %N.n"},
	{"grant execute on function public.touch() to public", "function public.touch()"}, {"alter default privileges in schema public revoke select on tables from " + quote(hardReader), "default acl"},
	{"refresh materialized view public.unfilled", "materialized view public.unfilled: expected not populated"},
	{"refresh materialized view public.filled with no data", "materialized view public.filled: expected populated"},
	{"alter type public.mood add value 'new'", "type public.mood"}, {"alter type public.mood rename value 'sad' to 'blue'", "type public.mood"},
	{"alter type public.pair rename attribute b to c", "public.pair.b: missing"},
	{"create or replace function %S.\"fn ü\"(x int) returns int language sql immutable strict parallel safe as $$ select x * 3 $$", "function "},
	{"drop aggregate public.mysum(int)", "aggregate public.mysum"}, {"drop operator public.=== (int, int)", "operator public.==="}, {"drop view public.v", "view public.v"},
	{"drop statistics public.st", "statistics object public.st"}, {"comment on table %T is 'other'", "comment on table"}, {"comment on large object 4711 is null", "comment on large object"},
	{"drop publication pub", "publication pub"}, {"alter publication pub drop table public.orders", "publication pub"},
	{"drop user mapping for " + quote(hardReader) + ` server "else where"`, "user mapping"}, {"drop foreign table public.far", "foreign table public.far"},
	{`alter server "else where" options (set host 'elsewhere')`, "server \"else where\""},
	{"alter table public.serials drop constraint serials_pkey cascade", "table constraint serials_pkey"},
	{"alter table public.serials alter column id drop default", "table column public.serials.id"},
	{"alter table public.accounts alter column balance type numeric", "table column public.accounts.balance"},
	{"alter table public.accounts rename column balance to money", "table column public.accounts.balance: missing"},
	{"alter table %T alter column \"col \"\"x\"\" ü\" drop identity", "col \"\"x\"\" ü"}, {"alter table public.parts detach partition public.parts_rest", "table public.parts_rest"},
	{"alter sequence public.down owned by public.bulk.id", "sequence"}, {"drop sequence public.untouched", "sequence public.untouched: missing"},
	{"alter sequence public.small no cycle", "sequence definition public.small"},
	{"reassign owned by " + quote(hardReader) + " to current_user; drop owned by " + quote(hardReader) + "; alter role " + quote(hardReader) + " rename to other", `role "reader ü": missing`},
	{"alter database " + quote(hardDB) + " set work_mem to '7MB'", "database setting work_mem"},
	{"alter database " + quote(hardDB) + " reset bytea_output", "database setting bytea_output"},
	{"alter database " + quote(hardDB) + " owner to current_user", "database owner"}, {"grant connect on database " + quote(hardDB) + " to public", "database grants"},
	{"comment on database " + quote(hardDB) + " is null", "database comment"}, {"update pg_database set datcollversion = '0' where datname = current_database()", "collation version"},
}

// inTransaction are the sequences: put back afterwards.
var behindDamages = []struct{ sql, undo, want string }{
	{"select setval('public.serials_id_seq', 3)", "select setval('public.serials_id_seq', (select max(id) + 1000 from public.serials))", "sequence public.serials_id_seq"},
	{"select setval('public.down', 100, false)", "select setval('public.down', 98)", "sequence public.down"},
	{"select setval('public.untouched', 6)", "select setval('public.untouched', 7, false)", ""}, // as far as it was
}

func testFaultsInDatabase(t *testing.T) {
	dir, m := dumped(t)
	restorable(t)
	_, err := Restore(t.Context(), target, dir, RestoreOptions{Database: "faults", Jobs: 2})
	require.NoError(t, err)
	s := target.with("faults")
	// Database-wide changes are made to the database of the test.
	names := strings.NewReplacer("%T", quote(hardSchema, hardTable), "%S", quote(hardSchema), quote(hardDB), "faults")
	wants := strings.NewReplacer("%N", manifest.Ident(hardSchema, hardTable))
	conn := dial(t, s)
	look := func() []manifest.Difference {
		got, err := inventory(t.Context(), []*pgx.Conn{conn})
		require.NoError(t, err)
		return manifest.Diff(m.Contents, got)
	}
	require.Empty(t, manifest.Faults(look()), "without a fault")
	seen, done := 0, 0
	check := func(sql, want string) {
		done++
		all := look()
		for _, d := range all {
			if want != "" && strings.Contains(d.String(), wants.Replace(want)) {
				seen++
				return
			}
		}
		if want == "" && len(manifest.Faults(all)) == 0 {
			seen++
			return
		}
		t.Errorf("%s: expected %q, found %v", sql, want, all)
	}
	exec(t, conn, "set search_path to pg_catalog")
	for _, d := range damages {
		exec(t, conn, "begin")
		if _, err := conn.PgConn().Exec(t.Context(), names.Replace(d.sql)).ReadAll(); assert.NoError(t, err, d.sql) {
			check(d.sql, d.want)
		}
		exec(t, conn, "rollback")
	}
	for _, d := range behindDamages {
		exec(t, conn, d.sql)
		check(d.sql, d.want)
		exec(t, conn, d.undo)
	}
	require.Empty(t, manifest.Faults(look()), "after everything was put back")
	t.Logf("faults seen %d of %d", seen, done)
	assert.Equal(t, done, seen)
	closeConn(conn)
	exec(t, dial(t, target), "drop database faults with (force)")
}
