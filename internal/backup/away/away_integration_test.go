//go:build integration

package away

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/store"
	"drydock/internal/testkit"
)

// lab is a real S3-compatible server, and a backup that is not there yet.
type lab struct {
	t      *testing.T
	s3     testkit.S3
	o      options
	ca     string
	dial   func(context.Context, string, string) (net.Conn, error)
	record store.Record
	dir    string
}

const key = "a-key-of-the-tests-only-0123456789"

func newLab(t *testing.T) *lab {
	t.Helper()
	network := testkit.Network(t, false).Name
	l := &lab{t: t, s3: testkit.StartS3(t, network), dir: t.TempDir(), ca: filepath.Join(t.TempDir(), "ca.pem")}
	require.NoError(t, os.WriteFile(l.ca, []byte(l.s3.CA), 0o600))
	l.o = options{Endpoint: l.s3.Endpoint, Bucket: l.s3.Bucket, Region: "us-east-1", Path: "/site", Style: "path", AccessKey: l.s3.AccessKey, SecretKey: l.s3.SecretKey, Key: key}
	c, err := testkit.Engine(t).Container(t.Context(), l.s3.Container)
	require.NoError(t, err)
	ip, ok := c.Address(network)
	require.True(t, ok)
	l.dial = func(ctx context.Context, proto, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, proto, net.JoinHostPort(ip.String(), "7070"))
	}
	l.record = store.Record{Format: 1, ID: "000042-20260131T120000Z-9f3a11", Kind: store.KindDump, Database: "app ü", Started: time.Now().UTC().Round(time.Second), Details: json.RawMessage(`{"tables":2}`)}
	for name, content := range map[string][]byte{"manifest.json": []byte("plain words that nobody may read"), "dump/1.dat.zst": noise(20 << 20), "dump/empty": nil} {
		path := filepath.Join(l.dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, content, 0o600))
		sum := sha256.Sum256(content)
		l.record.Files = append(l.record.Files, store.File{Path: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])})
		l.record.Size += int64(len(content))
	}
	// The server listens a moment after its container runs.
	require.Eventually(t, func() bool {
		_, err := l.place(l.o).List(t.Context())
		return err == nil
	}, time.Minute, 100*time.Millisecond)
	return l
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	return data
}

func (l *lab) place(o options) *Place {
	l.t.Helper()
	t, err := transport(l.ca)
	require.NoError(l.t, err)
	t.DialContext = l.dial
	p, err := place(o, t)
	require.NoError(l.t, err)
	return p
}

func (l *lab) list(p *Place) []Manifest {
	l.t.Helper()
	list, err := p.List(l.t.Context())
	require.NoError(l.t, err)
	return list
}

// object reads one as anybody who may read the bucket does.
func (l *lab) object(p *Place, name string) []byte {
	l.t.Helper()
	o, err := p.client.GetObject(l.t.Context(), p.bucket, name, minio.GetObjectOptions{})
	require.NoError(l.t, err)
	defer o.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(o)
	require.NoError(l.t, err)
	return b.Bytes()
}

func (l *lab) put(p *Place, name string, content []byte) {
	l.t.Helper()
	_, err := p.client.PutObject(l.t.Context(), p.bucket, name, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	require.NoError(l.t, err)
}

func TestACopyIsWholeOrAbsent(t *testing.T) {
	l := newLab(t)
	p := l.place(l.o)
	require.Empty(t, l.list(p))
	m, err := p.Put(t.Context(), l.record, l.dir)
	require.NoError(t, err)
	require.Equal(t, []Manifest{m}, l.list(p))
	require.NoError(t, p.Check(t.Context(), m))

	// It comes back as it was, and nobody else reads it.
	to := t.TempDir()
	require.NoError(t, p.Get(t.Context(), m, to))
	for _, f := range l.record.Files {
		want, err := os.ReadFile(filepath.Join(l.dir, f.Path))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(to, f.Path))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got), f.Path)
	}
	r, err := p.Record(t.Context(), m)
	require.NoError(t, err)
	assert.Equal(t, l.record, r)
	sealed := l.object(p, p.data(m))
	assert.NotContains(t, string(sealed), "plain words")
	assert.Contains(t, string(sealed[:40]), "age-encryption.org")
	other := l.o
	other.Key = "another key, which is long enough, too"
	require.ErrorContains(t, l.place(other).Get(t.Context(), m, t.TempDir()), "BACKUP_KEY is another one")
	other.Key = ""
	require.ErrorContains(t, l.place(other).Get(t.Context(), m, t.TempDir()), "there is no BACKUP_KEY here")

	// A flipped byte anywhere, a cut end, nothing at all.
	for name, damaged := range map[string][]byte{"flipped": bytes.Clone(sealed), "cut off": sealed[:len(sealed)-1000], "empty": nil} {
		if name == "flipped" {
			damaged[len(damaged)/2] ^= 1
		}
		l.put(p, p.data(m), damaged)
		require.ErrorIs(t, p.Check(t.Context(), m), ErrDamaged, name)
		require.Error(t, p.Get(t.Context(), m, t.TempDir()), name)
	}
	require.NoError(t, p.client.RemoveObject(t.Context(), p.bucket, p.data(m), minio.RemoveObjectOptions{}))
	require.ErrorIs(t, p.Check(t.Context(), m), ErrDamaged)
	require.ErrorContains(t, p.Get(t.Context(), m, t.TempDir()), "its data is gone")
	l.put(p, p.data(m), sealed)
	require.NoError(t, p.Check(t.Context(), m))

	// Without its manifest it is none, and goes when nobody can be at work on it any more.
	require.NoError(t, p.client.RemoveObject(t.Context(), p.bucket, p.manifest(m.ID), minio.RemoveObjectOptions{}))
	require.Empty(t, l.list(p))
	require.NoError(t, p.Sweep(t.Context(), time.Now()))
	require.NotEmpty(t, l.object(p, p.data(m)), "somebody may be about to write the manifest")
	require.NoError(t, p.Sweep(t.Context(), time.Now().Add(leftFor+time.Minute)))
	objects, err := p.objects(t.Context())
	require.NoError(t, err)
	require.Empty(t, objects)

	// An upload that is cut off, and one of files that are not what they were.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	_, err = p.Put(ctx, l.record, l.dir)
	cancel()
	require.Error(t, err)
	changed := []byte("plain words that nobody may READ")
	require.NoError(t, os.WriteFile(filepath.Join(l.dir, "manifest.json"), changed, 0o600))
	_, err = p.Put(t.Context(), l.record, l.dir)
	require.ErrorContains(t, err, "not what its record says")
	require.Empty(t, l.list(p))
	require.NoError(t, p.Sweep(t.Context(), time.Now().Add(leftFor+time.Minute)))
	for u := range p.client.ListIncompleteUploads(t.Context(), p.bucket, p.prefix, true) {
		require.NoError(t, u.Err)
		assert.Fail(t, "an upload is left", u.Key)
	}

	// What is wrong with the way there is said, and what to do.
	wrong := l.o
	wrong.SecretKey = "not-the-secret"
	_, err = l.place(wrong).List(t.Context())
	require.ErrorContains(t, err, "BACKUP_S3_SECRET_KEY")
	wrong = l.o
	wrong.Bucket = "no-such-bucket"
	_, err = l.place(wrong).List(t.Context())
	require.ErrorContains(t, err, "BACKUP_S3_BUCKET")
	l.ca = filepath.Join(t.TempDir(), "none.pem")
	_, err = l.place(l.o).List(t.Context())
	require.ErrorContains(t, err, "BACKUP_S3_CA")

	// And without encryption, for who has that in the storage.
	require.NoError(t, os.WriteFile(l.ca, []byte(l.s3.CA), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(l.dir, "manifest.json"), []byte("plain words that nobody may read"), 0o600))
	open := l.o
	open.Key = ""
	p = l.place(open)
	m, err = p.Put(t.Context(), l.record, l.dir)
	require.NoError(t, err)
	require.NoError(t, p.Get(t.Context(), m, t.TempDir()))
	require.NoError(t, p.Remove(t.Context(), m))
	require.Empty(t, l.list(p))
}
