package away

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/minio/minio-go/v7"

	"drydock/internal/backup/store"
)

// Manifest is what makes a copy one; without it there is none. What it says of the backup is
// readable by whoever may read the bucket: its kind, its database's name, times and sizes.
type Manifest struct {
	Format    int          `json:"format"`
	ID        string       `json:"id"`
	Record    store.Record `json:"record"` // without the list of files and the details, which are in the data
	Stored    int64        `json:"stored"` // bytes of the object
	SHA256    string       `json:"sha256"` // of the object
	Encrypted bool         `json:"encrypted"`
}

const format = 1

// recordName is the backup's record, in front of its files.
const recordName = "record.json"

// Parts of an upload: S3 takes 10000 of them, and each is held in memory.
const (
	leastPart = 16 << 20
	mostParts = 9000
)

// Put makes the copy of a backup whose files are in a folder.
func (p *Place) Put(ctx context.Context, r store.Record, dir string) (Manifest, error) {
	m := Manifest{Format: format, ID: r.ID, Record: r, Encrypted: p.key != ""}
	m.Record.Files, m.Record.Details = nil, nil
	pr, pw := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := p.write(ctx, pw, r, dir)
		written <- errors.Join(err, pw.CloseWithError(err))
	}()
	sum := &summed{h: sha256.New()}
	_, err := p.client.PutObject(ctx, p.bucket, p.data(m), io.TeeReader(pr, sum), -1, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: max(leastPart, uint64(r.Size)*5/4/mostParts), NumThreads: 1,
	})
	_ = pr.CloseWithError(errStopped) // the writer must not wait for ever
	if writeErr := <-written; writeErr != nil && !errors.Is(writeErr, errStopped) {
		return m, fmt.Errorf("copying backup %s: %w", r.ID, writeErr)
	}
	if err != nil {
		return m, p.explain("copying backup "+r.ID, err)
	}
	m.Stored, m.SHA256 = sum.n, hex.EncodeToString(sum.h.Sum(nil))
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	_, err = p.client.PutObject(ctx, p.bucket, p.manifest(r.ID), bytes.NewReader(text), int64(len(text)), minio.PutObjectOptions{ContentType: "application/json"})
	return m, p.explain("recording the copy of backup "+r.ID, err)
}

var errStopped = errors.New("the storage stopped reading")

// summed hashes and counts what passes.
type summed struct {
	h hash.Hash
	n int64
}

func (s *summed) Write(b []byte) (int, error) {
	s.n += int64(len(b))
	return s.h.Write(b)
}

// write streams record and files, encrypted or not. The files have to be what the record says.
func (p *Place) write(ctx context.Context, out io.Writer, r store.Record, dir string) (err error) {
	if p.key != "" {
		to, err := recipient(p.key)
		if err != nil {
			return err
		}
		sealed, err := age.Encrypt(out, to)
		if err != nil {
			return err
		}
		return errors.Join(p.writeTar(ctx, sealed, r, dir), sealed.Close())
	}
	return p.writeTar(ctx, out, r, dir)
}

// workFactor is scrypt's: 32 MiB and a tenth of a second. BACKUP_KEY is made by chance and as good
// as a key, and the service's container has little memory.
const workFactor = 15

func recipient(key string) (*age.ScryptRecipient, error) {
	to, err := age.NewScryptRecipient(key)
	if err == nil {
		to.SetWorkFactor(workFactor)
	}
	return to, err
}

func (p *Place) writeTar(ctx context.Context, out io.Writer, r store.Record, dir string) error {
	w := tar.NewWriter(out)
	record, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := entry(w, recordName, int64(len(record)), bytes.NewReader(record)); err != nil {
		return err
	}
	for _, f := range r.Files {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := addFile(w, filepath.Join(dir, filepath.FromSlash(f.Path)), f); err != nil {
			return fmt.Errorf("reading %s: %w", f.Path, err)
		}
	}
	return w.Close()
}

func addFile(w *tar.Writer, path string, f store.File) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close() // only read
	sum := &summed{h: sha256.New()}
	if err := entry(w, filesPrefix+f.Path, f.Size, io.TeeReader(in, sum)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.h.Sum(nil)); got != f.SHA256 {
		return errors.New("it is not what its record says: verify the backup: backup:verify")
	}
	return nil
}

// filesPrefix is where the files lie in the data.
const filesPrefix = "files/"

func entry(w *tar.Writer, name string, size int64, content io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.CopyN(w, content, size)
	return err
}
