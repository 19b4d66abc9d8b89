package manifest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// sample has something in every field, out of order and in another time zone.
func sample() *Manifest {
	at := time.Date(2026, 3, 29, 3, 0, 0, 123456789, time.FixedZone("", 8*3600))
	seven := int64(7)
	return &Manifest{
		Format: Format, Kind: KindLogical, Started: at, Finished: at.Add(90 * time.Second), SnapshotAt: at, SnapshotLSN: "0/16B3748",
		Server: Server{Version: "17.5 (Debian 17.5-1)", VersionNumber: 170005, SystemIdentifier: "7400000000000000001",
			Settings: []Setting{{"wal_level", "replica"}, {"block_size", "8192"}}},
		Tools:   []Tool{{"pg_restore", "pg_restore (PostgreSQL) 17.5"}, {"pg_dump", "pg_dump (PostgreSQL) 17.5"}},
		Options: Options{Compression: "zstd:3", Jobs: 2}, Sizes: Sizes{Database: 8 << 20, Files: 4711},
		Contents: Contents{
			RowHash: RowHash,
			Database: Database{Name: `we"ird %@:/ é`, Owner: "app", Encoding: "UTF8", Provider: "builtin", Collate: "C.UTF-8", Ctype: "C.UTF-8",
				Locale: "C.UTF-8", Collation: "1", CollationActual: "1", Tablespace: "pg_default", ConnLimit: -1, ACL: []string{"b=c/app", "app=CTc/app"},
				Settings: []DBSetting{{"", "work_mem", "5MB"}, {"", "datestyle", "<ISO>"}}},
			Tables: []Table{{Schema: "public", Name: "orders", Rows: 3, Hash: "-42", Bytes: 8192}, {Schema: "a.b", Name: "Tab\u2028le", Unlogged: true, Leaf: true}},
			Sequences: []Sequence{{Schema: "public", Name: "orders_id_seq", Type: "bigint", Start: 1, Increment: 1, Min: 1, Max: 1 << 62, Last: 7, Called: true,
				OwnedBy: "public.orders.id", ColumnMax: &seven}},
			MatViews:     []MatView{{"public", "v", true}},
			LargeObjects: LargeObjects{Count: 2, Bytes: 10, Hash: "1/2", Owners: []Count{{"z", 1}, {"app", 1}}},
			Extensions:   []Extension{{"hstore", "public", "1.8"}, {"citext", "public", "1.6"}},
			Objects: []Object{{Kind: "table", Name: "public.orders", Owner: "app", Detail: "table", ACL: []string{"b=r/app", "app=arwd/app"}},
				{Kind: "table", Name: "public.parts", Owner: "app", Detail: "partitioned by at"}, {Kind: "index", Name: "public.i", Tablespace: "fast"}},
			Roles: []Role{{Name: "b", Login: true, ConnLimit: -1, MemberOf: []Membership{{Role: "z", Set: true}, {Role: "a", Admin: true}},
				Settings: []Setting{{"work_mem", "1MB"}, {"a", "b"}}}, {Name: "app", Needed: true, Super: true, ConnLimit: 5}},
			Tablespaces: []Tablespace{{"fast", "app", "/fast"}},
		},
		Files: []File{{"globals.sql", 9, strings.Repeat("b", 64)}, {"dump/toc.dat", 7, strings.Repeat("a", 64)}},
	}
}

func sealed(t testing.TB, m *Manifest) []byte {
	t.Helper()
	require.NoError(t, m.Seal(nil))
	text, err := m.Encode()
	require.NoError(t, err)
	return text
}

func TestGolden(t *testing.T) { testkit.Golden(t, "manifest.json", sealed(t, sample())) }

func TestRoundTrip(t *testing.T) {
	m := sample()
	text := sealed(t, m)
	got, err := Parse(text)
	require.NoError(t, err)
	again, err := got.Encode()
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))
	assert.Equal(t, 90*time.Second, got.Duration())
	assert.Equal(t, "pg_dump (PostgreSQL) 17.5", got.Tool("pg_dump"))
	assert.Empty(t, got.Tool("psql"))
	assert.Equal(t, 17, got.Server.Major())
	assert.EqualValues(t, 3, got.Contents.Rows())

	dir := t.TempDir()
	_, err = Read(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, Write(dir, m))
	got, err = Read(dir)
	require.NoError(t, err)
	assert.Equal(t, m.Digest, got.Digest)
}

// No single byte of the document can be changed, removed or doubled unseen. Each gets one
// of the three, which makes the test three times as fast.
func TestEveryEditIsSeen(t *testing.T) {
	text := sealed(t, sample())
	for i := range text {
		edited := append(append(bytes.Clone(text[:i]), text[i]^1), text[i+1:]...)
		switch i % 3 {
		case 1:
			edited = append(bytes.Clone(text[:i]), text[i+1:]...)
		case 2:
			edited = append(append(bytes.Clone(text[:i]), text[i]), text[i:]...)
		}
		if _, err := Parse(edited); err == nil {
			t.Fatalf("byte %d, %q: nothing was seen", i, text[i])
		}
	}
}

func TestParseSays(t *testing.T) {
	text := string(sealed(t, sample()))
	edit := func(old, with string) string {
		require.Contains(t, text, old)
		return strings.Replace(text, old, with, 1)
	}
	compact := &bytes.Buffer{}
	require.NoError(t, json.Compact(compact, []byte(text)))
	outside := sample()
	outside.Files = append(outside.Files, File{Path: "../etc/passwd"})
	twice := sample()
	twice.Files = append(twice.Files, twice.Files[0])
	for _, c := range []struct {
		name, text, want string
		damaged          bool
	}{
		{"empty", " \n", "it is empty", true},
		{"cut", text[:300], "line ", true},
		{"no json", "x", "line 1", true},
		{"no format", "{}", "names no format", true},
		{"newer", edit(`"format": 1`, `"format": 2`), "use the version of Drydock that made the backup, or a newer one", false},
		{"zero", edit(`"format": 1`, `"format": 0`), "format 0", true},
		{"other kind", edit(`"logical"`, `"physical"`), `"physical"`, true},
		{"unknown field", edit(`"format": 1,`, `"format": 1, "more": 2,`), "more", true},
		{"wrong type", edit(`"rows": 3`, `"rows": "3"`), "line ", true},
		{"edited", edit(`"rows": 3`, `"rows": 4`), "its digest", true},
		{"compact", compact.String(), "not in canonical form", true},
		{"more", text + "{}", "after top-level value", true},
		{"outside", string(sealed(t, outside)), `"../etc/passwd"`, true},
		{"twice", string(sealed(t, twice)), "there twice", true},
	} {
		_, err := Parse([]byte(c.text))
		require.ErrorContains(t, err, c.want, c.name)
		assert.Equal(t, c.damaged, errors.Is(err, ErrDamaged), c.name)
	}
}

func FuzzParse(f *testing.F) {
	text := sealed(f, sample())
	f.Add(text)
	f.Add(text[:100])
	f.Add([]byte(`{"format":1,"kind":"logical"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		again, err := m.Encode()
		require.NoError(t, err)
		assert.Equal(t, string(text), string(again), "two texts have one meaning")
	})
}

func TestSignature(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	other, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	key, wrong := HMAC{[]byte("0123456789abcdef")}, HMAC{[]byte("0123456789abcdeF")}
	for _, c := range []struct {
		name   string
		signer Signer
		good   Verifier
		bad    []Verifier
	}{
		{"hmac", key, key, []Verifier{wrong, Ed25519Verifier{public}}},
		{"ed25519", Ed25519Signer{private}, Ed25519Verifier{public}, []Verifier{Ed25519Verifier{other}, key}},
		{"none", nil, nil, []Verifier{key}},
	} {
		m := sample()
		require.NoError(t, m.Seal(c.signer))
		text, err := m.Encode()
		require.NoError(t, err)
		assert.NotContains(t, string(text), "0123456789abcdef")
		m, err = Parse(text)
		require.NoError(t, err, c.name)
		require.NoError(t, m.CheckSignature(c.good), c.name)
		for _, v := range c.bad {
			require.ErrorIs(t, m.CheckSignature(v), ErrSignature, c.name)
		}
		// Another document under the old signature.
		if m.Signature != nil {
			old := *m.Signature
			m.Sizes.Files++
			require.NoError(t, m.Seal(nil))
			m.Signature = &old
			require.ErrorIs(t, m.CheckSignature(c.good), ErrSignature, c.name)
		}
	}
	require.Error(t, sample().Seal(HMAC{[]byte("short")}))
	require.Error(t, sample().Seal(Ed25519Signer{}))
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ text, schema, name string }{
		{"orders", "", "orders"}, {"public.Orders", "public", "Orders"}, {`"a.b"."c""d"`, "a.b", `c"d`}, {`"x y"`, "", "x y"}, {`s."ü"`, "s", "ü"},
	} {
		schema, name, err := ParseName(c.text)
		require.NoError(t, err, c.text)
		assert.Equal(t, [2]string{c.schema, c.name}, [2]string{schema, name}, c.text)
		if schema != "" {
			s, n, err := ParseName(Ident(schema, name))
			require.NoError(t, err)
			assert.Equal(t, [2]string{schema, name}, [2]string{s, n})
		}
	}
	for _, bad := range []string{"", ".", "a.", ".a", `"a`, `"a"b`, `""`, "a.b.c", `a..b`} {
		_, _, err := ParseName(bad)
		require.Error(t, err, bad)
	}
	c := sample().Contents
	c.Tables = append(c.Tables, Table{Schema: "other", Name: "orders"})
	for _, x := range []struct{ text, want string }{
		{"public.orders", ""}, {"parts", ""}, {"orders", "several tables orders"}, {"public.ORDERS", "did you mean public.orders"}, {"nothing", "holds no table nothing"},
	} {
		_, _, err := c.FindTable(x.text)
		if x.want == "" {
			require.NoError(t, err, x.text)
		} else {
			require.ErrorContains(t, err, x.want)
		}
	}
}
