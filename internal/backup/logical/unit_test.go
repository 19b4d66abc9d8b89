package logical

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/manifest"
	"drydock/internal/run"
)

// Passwords and names with : \ % @ and blanks broke pgpass files and connection strings
// (kobo-install 102 and others): none of them goes through either.
func TestSecretsStayOutOfArguments(t *testing.T) {
	const password = `a:b\c%d@e f'g"h`
	s := Server{Host: "db", User: `u:\ %`, Password: password, Database: `d'b\ =x`}
	c := Tools{}.command(s, "pg_dump", "--dbname="+s.dbname())
	assert.NotContains(t, strings.Join(c.Args, " "), password)
	assert.Contains(t, c.Env, "PGPASSWORD="+password)
	assert.Contains(t, c.Env, "PGPASSFILE=/dev/null")
	assert.Equal(t, []string{`--dbname=dbname='d\'b\\ =x'`}, c.Args)
	assert.Equal(t, []string{password}, c.Redact)
	assert.NotContains(t, s.String(), password)
	text := s.connectError(errors.New("failed: " + password)).Error()
	assert.NotContains(t, text, password)
	assert.Contains(t, text, "****")
	config, err := pgx.ParseConfig("host=x " + s.dbname())
	require.NoError(t, err)
	assert.Equal(t, s.Database, config.Database)
}

func TestToolVersions(t *testing.T) {
	dir := t.TempDir()
	say := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pg_dump"), []byte("#!/bin/sh\necho '"+text+"'\n"), 0o755))
	}
	for _, c := range []struct {
		text  string
		major int
	}{{"pg_dump (PostgreSQL) 17.5 (Debian 17.5-1)", 17}, {"pg_dump (PostgreSQL) 18beta1", 18}, {"pg_dump (PostgreSQL) 19devel", 19}} {
		say(c.text)
		v, err := Tools{Path: dir + ":/bin:/usr/bin"}.version(t.Context(), "pg_dump")
		require.NoError(t, err)
		assert.Equal(t, version{c.text, c.major}, v)
	}
	say("something else 3")
	_, err := Tools{Path: dir}.version(t.Context(), "pg_dump")
	require.ErrorContains(t, err, "is it PostgreSQL's?")
	_, err = Tools{Path: t.TempDir()}.version(t.Context(), "pg_dump")
	assert.Equal(t, run.CodeMissing, run.Code(err))

	v := version{"pg_dump (PostgreSQL) 16.2", 16}
	require.NoError(t, v.checkAge("pg_dump", 16, "16.9"))
	require.NoError(t, v.checkAge("pg_dump", 15, "15.1"))
	err = v.checkAge("pg_dump", 17, "17.0")
	require.ErrorIs(t, err, ErrRefused)
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	assert.ErrorContains(t, err, "install postgresql-client-17")
}

func TestHashQuery(t *testing.T) {
	got := hashQuery(`s"x`, "t", []column{{"a", 23}, {"b", oidText}, {"c", 701}, {"d", 1700}, {`f"`, 3802}, {"g", 1042}})
	assert.Equal(t, `select pg_catalog.count(*), coalesce(pg_catalog.sum(pg_catalog.hashint8extended(h & 4294967295, pg_catalog.hashint8extended(h >> 32, 0))), 0)::pg_catalog.text`+
		` from (select pg_catalog.hash_record_extended(row(t."a", t."b" collate pg_catalog."C", pg_catalog.float8send(t."c"), pg_catalog.numeric_send(t."d"),`+
		` t."f"""::pg_catalog.text collate pg_catalog."C", t."g" collate pg_catalog."C"), 0) as h from only "s""x"."t" t offset 0) s`, got)
	assert.Equal(t, `select pg_catalog.count(*), '0' from only "s"."t" t`, hashQuery("s", "t", nil))
}

func TestLiteral(t *testing.T) {
	assert.Equal(t, `'it''s'`, literal("it's"))
	assert.Equal(t, ` E'a\\b'''`, literal(`a\b'`))
}

func TestSettings(t *testing.T) {
	assert.Equal(t, `'a, b'`, settingValue("work_mem", "a, b"))
	assert.Equal(t, `'public', 'S "x", y'`, settingValue("search_path", `public, "S ""x"", y"`))
	assert.Equal(t, `'$user'`, settingValue("search_path", `"$user"`))
	assert.Equal(t, `''`, settingValue("search_path", ""))
	assert.Equal(t, []string{""}, splitList(`""`))
}

func TestDatabaseStatements(t *testing.T) {
	d := manifest.Database{Owner: `o"x`, ACL: []string{`"o""x"=CTc/"o""x"`, `=T/"o""x"`, `a=c*/"o""x"`, `b=c/a`},
		Settings: []manifest.DBSetting{{Name: "work_mem", Value: "5MB"}, {Role: "r", Name: "search_path", Value: "a, b"}}}
	assert.Equal(t, []string{
		`alter database "n" owner to "o""x"`, `alter database "n" set "work_mem" to '5MB'`, `alter role "r" in database "n" set "search_path" to 'a', 'b'`,
		`revoke all on database "n" from public`, `revoke all on database "n" from "o""x"`,
		`grant create on database "n" to "o""x"`, `grant temporary on database "n" to "o""x"`, `grant connect on database "n" to "o""x"`,
		`grant temporary on database "n" to public`, `grant connect on database "n" to "a" with grant option`,
		`set local role "a"`, `grant connect on database "n" to "b"`, `reset role`,
	}, propertyStatements(d, "n"))
}

func TestRoleStatements(t *testing.T) {
	all := []manifest.Role{
		{Name: "there"},
		{Name: "a b", Login: true, Inherit: true, ConnLimit: -1, ValidUntil: "2031-01-01", Settings: []manifest.Setting{{Name: "search_path", Value: "x, y"}},
			MemberOf: []manifest.Membership{{Role: "there", Inherit: true, Set: true}, {Role: "pg_monitor", Admin: true, Inherit: true}, {Role: "gone"}}},
		{Name: "c", Super: true, ConnLimit: 3, MemberOf: []manifest.Membership{{Role: "a b", Set: true}}},
	}
	assert.Equal(t, []string{
		`create role "a b" with nosuperuser inherit nocreaterole nocreatedb login noreplication nobypassrls connection limit -1 valid until '2031-01-01'`,
		`alter role "a b" set "search_path" to 'x', 'y'`,
		`create role "c" with superuser noinherit nocreaterole nocreatedb nologin noreplication nobypassrls connection limit 3`,
		`grant "there" to "a b"`, `grant "pg_monitor" to "a b" with admin true, set false`, `grant "a b" to "c" with inherit false`,
	}, roleStatements(all, []string{"a b", "c"}))
}

func TestNeededRoles(t *testing.T) {
	roles := []manifest.Role{{Name: "a", Needed: true, MemberOf: []manifest.Membership{{Role: "b"}}}, {Name: "b", MemberOf: []manifest.Membership{{Role: "c"}}}, {Name: "c"}, {Name: "d"}}
	markMembers(roles)
	assert.Equal(t, []string{"a", "b", "c"}, neededRoles(&manifest.Manifest{Contents: manifest.Contents{Roles: roles}}))
}

func TestOldName(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 5000, time.UTC)
	assert.Equal(t, "shop_before_20260131T120000_000005", oldName("shop", at))
	long := oldName(strings.Repeat("ü", 31), at)
	assert.LessOrEqual(t, len(long), 63)
	assert.True(t, strings.HasPrefix(long, "üü") && strings.HasSuffix(long, "_before_20260131T120000_000005"))
}

func TestNeeds(t *testing.T) {
	assert.EqualValues(t, 100<<20+64<<20, Needs(&manifest.Manifest{Sizes: manifest.Sizes{Database: 100 << 20}}))
	assert.EqualValues(t, 11<<30, Needs(&manifest.Manifest{Sizes: manifest.Sizes{Database: 10 << 30}}))
}

func TestCrossed(t *testing.T) {
	assert.True(t, crossed(errors.New(`pg_dump: error: query failed: ERROR:  could not obtain lock on relation "public.x"`)))
	assert.False(t, crossed(errors.New("no space left")))
}
