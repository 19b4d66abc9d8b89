package configarchive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// canary is a secret that is hard to pass on; kobo-install 102 is a `%` that made backups empty.
const canary = "canary-7Hq%2b&x<y>"

// memory is a folder in memory where the system has one: a disk takes milliseconds for a sync.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "drydock-archive-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// keys are a signing key and a pair of age, new for each test.
type keys struct {
	sign       SigningKey
	recipients Recipients
	identities Identities
}

func newKeys(t testing.TB) keys {
	t.Helper()
	key, created, err := LoadKey(filepath.Join(memory(t), "signing.key"))
	require.NoError(t, err)
	require.True(t, created)
	secret, public, err := GenerateIdentity()
	require.NoError(t, err)
	r, err := ParseRecipients("# of the office\n" + public + "\n")
	require.NoError(t, err)
	i, err := ParseIdentities("# created\n" + secret + "\n")
	require.NoError(t, err)
	return keys{key, r, i}
}

func (k keys) options() WriteOptions { return WriteOptions{Key: k.sign, Recipients: k.recipients} }

func stream(text string, size int64) Stream {
	return Stream{Path: "images/app.tar", Size: size, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

func input() Input {
	return Input{
		Created: time.Date(2026, 1, 31, 12, 0, 0, 999, time.FixedZone("", 3600)), Project: "shop", Env: "prod", Host: "web-1",
		Images: map[string]string{"backend": "sha256:1", "frontend": "sha256:2"},
		Files: []File{
			{Path: "nginx/nginx.conf", Data: []byte("worker_processes 1;\n")},
			{Path: "env/prod.env", Mode: 0o600, Data: []byte("DOMAIN=Käse.example\n")},
			{Path: "compose/empty.yml", Data: nil},
		},
		Streams: []Stream{stream(strings.Repeat("layer", 50_000), -1)},
		Secrets: []File{
			{Path: "db_password", Data: []byte(canary + "\n")},
			{Path: "tls/key.pem", Mode: 0o400, Data: []byte("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n-----END PRIVATE KEY-----\n")},
		},
	}
}

func archive(t testing.TB, in Input, o WriteOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := Write(t.Context(), &b, in, o)
	require.NoError(t, err)
	return b.Bytes()
}

func plain(t testing.TB, packed []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	defer z.Close()
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return text
}

// What the product exports, the product reads: coolify 11459.
func TestThereAndBack(t *testing.T) {
	k, in := newKeys(t), input()
	packed := archive(t, in, k.options())
	s, err := Verify(t.Context(), bytes.NewReader(packed), k.sign.Public())
	require.NoError(t, err)
	assert.True(t, s.Trusted)
	assert.Equal(t, k.sign.Public(), s.Signer)
	assert.Equal(t, 2, s.Index.Secrets)
	assert.Equal(t, k.recipients.Names(), s.Index.Recipients)
	assert.Equal(t, in.Images, s.Index.Images)
	assert.Equal(t, "2026-01-31T11:00:00Z", s.Index.Created.Format(time.RFC3339))
	var paths []string
	for _, e := range s.Index.Entries {
		paths = append(paths, e.Path)
	}
	assert.Equal(t, []string{"files/compose/empty.yml", "files/env/prod.env", "files/images/app.tar", "files/nginx/nginx.conf", "secrets.age"}, paths)
	s, err = Verify(t.Context(), bytes.NewReader(packed))
	require.NoError(t, err)
	assert.False(t, s.Trusted, "nobody was asked for")

	dir := filepath.Join(memory(t), "back")
	_, err = Read(t.Context(), bytes.NewReader(packed), dir, ReadOptions{Trusted: []PublicKey{k.sign.Public()}, Identities: k.identities})
	require.NoError(t, err)
	for path, want := range map[string]struct {
		text string
		mode fs.FileMode
	}{
		"files/nginx/nginx.conf":  {"worker_processes 1;\n", 0o644},
		"files/env/prod.env":      {"DOMAIN=Käse.example\n", 0o600},
		"files/compose/empty.yml": {"", 0o644},
		"files/images/app.tar":    {strings.Repeat("layer", 50_000), 0o644},
		"secrets/db_password":     {canary + "\n", 0o600},
		"secrets/tls/key.pem":     {string(in.Secrets[1].Data), 0o400},
	} {
		text, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		assert.Equal(t, want.text, string(text), path)
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		assert.Equal(t, want.mode, info.Mode(), path)
	}
	_, err = Read(t.Context(), bytes.NewReader(packed), dir, ReadOptions{Identities: k.identities})
	assert.ErrorContains(t, err, "is there already")
	without := filepath.Join(t.TempDir(), "without")
	_, err = Read(t.Context(), bytes.NewReader(packed), without, ReadOptions{SkipSecrets: true})
	require.NoError(t, err)
	assert.NoDirExists(t, filepath.Join(without, "secrets"))
}

// The same input gives the same bytes, in whatever order it comes.
func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	k, in := newKeys(t), input()
	in.Secrets = nil
	first := archive(t, in, k.options())
	slices.Reverse(in.Files)
	in.Created = in.Created.UTC()
	assert.Equal(t, first, archive(t, in, k.options()))
	in.Streams[0].Size = 250_000
	assert.Equal(t, first, archive(t, in, k.options()), "spooled or not")
}

// No secret is in clear text in it, neither as it is nor after decompression, in no form.
func TestNoSecretInClearText(t *testing.T) {
	k := newKeys(t)
	packed := archive(t, input(), k.options())
	for _, text := range [][]byte{packed, plain(t, packed)} {
		for _, secret := range []string{canary, "canary-7Hq", "MC4CAQAwBQYDK2VwBCIEIJ", "db_password", "key.pem"} {
			assert.NotContains(t, string(text), secret)
		}
	}
	for name, leak := range map[string]func(in *Input){
		"as it is":        func(in *Input) { in.Files[0].Data = []byte("password " + canary) },
		"percent-encoded": func(in *Input) { in.Files[0].Data = []byte("postgres://a:canary-7Hq%252b%26x%3Cy%3E@db") },
		"as JSON":         func(in *Input) { in.Files[0].Data = []byte(`{"p":"canary-7Hq%2b\u0026x\u003cy\u003e"}`) },
		"as base64":       func(in *Input) { in.Files[0].Data = []byte("Y2FuYXJ5LTdIcSUyYiZ4PHk+") },
		"in a name":       func(in *Input) { in.Files[0].Path = canary },
		"in the index":    func(in *Input) { in.Host = "host " + canary },
		"a line of a key": func(in *Input) { in.Files[0].Data = []byte("ssl_key MC4CAQAwBQYDK2VwBCIEIJ") },
		"behind an equals sign": func(in *Input) {
			in.Secrets = append(in.Secrets, File{Path: "smtp.env", Data: []byte("SMTP_PASSWORD='other-canary'\n")})
			in.Files[0].Data = []byte("pass: other-canary")
		},
	} {
		in := input()
		leak(&in)
		_, err := Write(t.Context(), io.Discard, in, k.options())
		require.ErrorAs(t, err, new(*ClearTextError), name)
		assert.NotContains(t, err.Error(), "canary-7Hq%2b&x<y>")
	}
	in := input()
	in.Secrets[0].Data = []byte("w1;\n") // short: it stands in many places by chance
	in.Files[0].Data = []byte("-----BEGIN PRIVATE KEY-----")
	archive(t, in, k.options())
}

// Secrets that nobody could open would be lost with the machine.
func TestSecretsNeedARecipient(t *testing.T) {
	k := newKeys(t)
	_, err := Write(t.Context(), io.Discard, input(), WriteOptions{Key: k.sign})
	var none *NoRecipientError
	require.ErrorAs(t, err, &none)
	assert.Equal(t, 2, none.Secrets)
	assert.ErrorContains(t, err, "age-keygen")
	in := input()
	in.Secrets = nil
	archive(t, in, WriteOptions{Key: k.sign})
	_, err = Write(t.Context(), io.Discard, in, WriteOptions{})
	assert.ErrorContains(t, err, "no key to sign")
}

func TestInputThatIsRefused(t *testing.T) {
	k := newKeys(t)
	broken := errors.New("broken")
	for want, change := range map[string]func(in *Input){
		"no plain relative path":              func(in *Input) { in.Files[0].Path = "../x" },
		`"/etc/passwd" is no plain`:           func(in *Input) { in.Secrets[0].Path = "/etc/passwd" },
		`"a\\b" is no plain`:                  func(in *Input) { in.Files[0].Path = `a\b` },
		"is given twice":                      func(in *Input) { in.Files[0].Path = in.Streams[0].Path },
		"as the folder of":                    func(in *Input) { in.Files[0].Path = "images" },
		"no time":                             func(in *Input) { in.Created = time.Time{} },
		"it ended after 4 of 5 bytes":         func(in *Input) { in.Streams[0] = stream("1234", 5) },
		"longer than the 3 bytes":             func(in *Input) { in.Streams[0] = stream("1234", 3) },
		"images/app.tar: broken":              func(in *Input) { in.Streams[0].Open = func() (io.ReadCloser, error) { return nil, broken } },
		"images/app.tar: read error, spooled": func(in *Input) { in.Streams[0].Open = failing("read error, spooled") },
		"images/app.tar: read error, direct":  func(in *Input) { in.Streams[0].Size, in.Streams[0].Open = 5, failing("read error, direct") },
	} {
		in := input()
		change(&in)
		_, err := Write(t.Context(), io.Discard, in, k.options())
		assert.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Write(ctx, io.Discard, input(), k.options())
	assert.ErrorIs(t, err, context.Canceled)
	_, err = Verify(ctx, bytes.NewReader(archive(t, input(), k.options())))
	assert.ErrorIs(t, err, context.Canceled)
	_, err = Write(t.Context(), fullDisk{}, input(), k.options())
	assert.ErrorContains(t, err, "no space left")
}

type failingReader struct{ error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.error }
func (failingReader) Close() error               { return nil }

func failing(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return failingReader{errors.New(text)}, nil }
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// rebuild unpacks an archive, changes its files, and packs them again.
func rebuild(t *testing.T, packed []byte, change func(files []File) []File) []byte {
	t.Helper()
	var files []File
	r := tar.NewReader(bytes.NewReader(plain(t, packed)))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		files = append(files, File{h.Name, fs.FileMode(h.Mode), text})
	}
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstd.MinWindowSize))
	require.NoError(t, err)
	w := tar.NewWriter(z)
	for _, f := range change(files) {
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: int64(f.Mode), Size: int64(len(f.Data))}))
		_, err := w.Write(f.Data)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(w.Close(), z.Close()))
	return out.Bytes()
}

// refused makes sure that an archive is neither verified nor unpacked, and why.
func refused(t *testing.T, packed []byte, k keys, want string) {
	t.Helper()
	_, err := Verify(t.Context(), bytes.NewReader(packed), k.sign.Public())
	require.ErrorContains(t, err, want)
	parent := memory(t)
	_, err = Read(t.Context(), bytes.NewReader(packed), filepath.Join(parent, "back"), ReadOptions{Trusted: []PublicKey{k.sign.Public()}, Identities: k.identities})
	require.ErrorContains(t, err, want)
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left of what is not right")
}

// Every kind of tampering with every file, by somebody who can pack it well again.
func TestTamperingIsNamed(t *testing.T) {
	k, in := newKeys(t), input()
	in.Streams = []Stream{stream("a small image", 13)}
	packed := archive(t, in, k.options())
	names := []string{}
	rebuild(t, packed, func(files []File) []File {
		for _, f := range files {
			names = append(names, f.Path)
		}
		return files
	})
	require.Len(t, names, 7)
	for i, name := range names {
		data := func(change func(File) File) []byte {
			return rebuild(t, packed, func(files []File) []File { files[i] = change(files[i]); return files })
		}
		flipped := data(func(f File) File {
			f.Data = append(slices.Clone(f.Data), 'x')
			f.Data[len(f.Data)/2] ^= 1
			return f
		})
		removed := rebuild(t, packed, func(files []File) []File { return slices.Delete(files, i, i+1) })
		twice := rebuild(t, packed, func(files []File) []File { return append(files, files[i]) })
		want, gone := name+" was changed", name+" is missing"
		switch name {
		case indexName:
			want, gone = "the signature is not one of this index", "it has no index.json"
		case sigName:
			want, gone = sigName, "or no index.sig"
		default:
			refused(t, data(func(f File) File { f.Mode ^= 0o111; return f }), k, "it has mode")
			refused(t, data(func(f File) File { f.Path = filesPrefix + "other"; return f }), k, gone)
		}
		refused(t, flipped, k, want)
		refused(t, removed, k, gone)
		refused(t, twice, k, name+" is in it twice")
	}
	for want, f := range map[string]File{
		"files/more was added":                  {"files/more", 0o644, nil},
		`"../evil" does not belong`:             {"../evil", 0o644, nil},
		`"files/../../evil" does not belong`:    {"files/../../evil", 0o644, nil},
		`"/etc/cron.d/evil" does not belong`:    {"/etc/cron.d/evil", 0o644, nil},
		`"files/` + `a\\b" does not belong`:     {`files/a\b`, 0o644, nil},
		"files/nginx/nginx.conf is in it twice": {"files/nginx/nginx.conf", 0o644, nil},
	} {
		refused(t, rebuild(t, packed, func(files []File) []File { return append([]File{f}, append(files[:0:0], files...)...) }), k, want)
	}

	// A whole archive of somebody else's, and an index that somebody else signed.
	other := newKeys(t)
	theirs := archive(t, in, other.options())
	refused(t, theirs, k, "is signed by "+string(other.sign.Public()))
	_, err := Verify(t.Context(), bytes.NewReader(theirs), k.sign.Public())
	assert.ErrorAs(t, err, new(*WrongSignerError))
	_, err = Verify(t.Context(), bytes.NewReader(theirs), k.sign.Public(), other.sign.Public())
	assert.NoError(t, err)
}

// Cut off anywhere, or with any byte changed, it is never taken for good.
func TestDamageIsSeen(t *testing.T) {
	k, in := newKeys(t), input()
	in.Streams = nil
	packed := archive(t, in, k.options())
	whole := plain(t, packed)
	const stride = 3 // and a different bit each time
	for cut := 0; cut < len(packed); cut += stride {
		_, err := Verify(t.Context(), bytes.NewReader(packed[:cut]))
		require.Error(t, err, "cut at %d", cut)
		if cut > 0 {
			require.Regexp(t, "cut off|no such archive", err.Error(), "cut at %d", cut)
		}
	}
	harmless := 0
	for i := 0; i < len(packed); i += stride {
		bad := slices.Clone(packed)
		bad[i] ^= 1 << (i % 8)
		if _, err := Verify(t.Context(), bytes.NewReader(bad)); err == nil {
			// Some bits only say how much memory to use, or which of two equal places to copy from.
			require.Equal(t, whole, plain(t, bad), "byte %d", i)
			harmless++
		}
	}
	assert.Less(t, harmless, len(packed)/100)
	refused(t, append(slices.Clone(packed), packed...), k, "appended")
	refused(t, append(slices.Clone(packed), "tail"...), k, "it was changed")
	refused(t, nil, k, "no index.json")
	refused(t, []byte("PK\x03\x04 this is another thing"), k, "no such archive")
}

func TestTheWrongKey(t *testing.T) {
	k := newKeys(t)
	packed := archive(t, input(), k.options())
	other := k
	other.identities = newKeys(t).identities
	refusedRead := func(i Identities, want string) error {
		parent := memory(t)
		_, err := Read(t.Context(), bytes.NewReader(packed), filepath.Join(parent, "back"), ReadOptions{Identities: i})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, k.recipients.Names()[0])
		left, e := os.ReadDir(parent)
		require.NoError(t, e)
		require.Empty(t, left)
		return err
	}
	assert.ErrorAs(t, refusedRead(other.identities, "none of the keys"), new(*WrongKeyError))
	refusedRead(Identities{}, "no key was given")
	phrase, err := PassphraseIdentity("a passphrase for it")
	require.NoError(t, err)
	refusedRead(phrase, "none of the keys")

	// Two recipients: either opens it.
	both, err := ParseRecipients(k.recipients.Names()[0] + "," + newKeys(t).recipients.Names()[0])
	require.NoError(t, err)
	packed = archive(t, input(), WriteOptions{Key: k.sign, Recipients: both})
	_, err = Read(t.Context(), bytes.NewReader(packed), filepath.Join(memory(t), "back"), ReadOptions{Identities: k.identities})
	assert.NoError(t, err)
}

func TestAPassphrase(t *testing.T) {
	old := scryptWork
	scryptWork = 10
	defer func() { scryptWork = old }()
	const phrase = "correct horse battery staple"
	k := newKeys(t)
	r, err := Passphrase(phrase)
	require.NoError(t, err)
	packed := archive(t, input(), WriteOptions{Key: k.sign, Recipients: r})
	assert.NotContains(t, string(plain(t, packed)), phrase)
	for _, c := range []struct {
		phrase, want string
	}{{phrase, ""}, {"correct horse battery stable", "none of the keys"}} {
		id, err := PassphraseIdentity(c.phrase)
		require.NoError(t, err)
		_, err = Read(t.Context(), bytes.NewReader(packed), filepath.Join(memory(t), "back"), ReadOptions{Identities: id})
		if c.want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, c.want)
		}
	}
	_, err = Passphrase("short")
	assert.ErrorContains(t, err, "at least 16")
}

func FuzzVerify(f *testing.F) {
	k, in := newKeys(f), input()
	in.Streams = nil
	f.Add(archive(f, in, k.options()))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packed []byte) {
		s, err := Verify(t.Context(), bytes.NewReader(packed), k.sign.Public())
		if err == nil && fmt.Sprint(s.Index.Images) != fmt.Sprint(in.Images) {
			t.Fatal("a forged archive was accepted")
		}
	})
}
