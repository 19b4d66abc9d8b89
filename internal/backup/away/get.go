package away

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/minio/minio-go/v7"

	"drydock/internal/backup/store"
)

// ErrDamaged is a copy that is not what its manifest says.
var ErrDamaged = errors.New("it is damaged")

// Record reads what a backup's record said, without its files.
func (p *Place) Record(ctx context.Context, m Manifest) (r store.Record, err error) {
	err = p.read(ctx, m, func(t *tar.Reader) error {
		r, err = readRecord(t)
		return errors.Join(err, errEnough)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return r, err
}

// errEnough ends reading before the end.
var errEnough = errors.New("that was enough")

// Get puts the files of a copy into an empty folder. They are what the record says, and the object
// what the manifest says, or there is an error.
func (p *Place) Get(ctx context.Context, m Manifest, dir string) error {
	return p.read(ctx, m, func(t *tar.Reader) error {
		r, err := readRecord(t)
		if err != nil {
			return err
		}
		left := map[string]store.File{}
		for _, f := range r.Files {
			left[filesPrefix+f.Path] = f
		}
		for {
			h, err := t.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			f, known := left[h.Name]
			if !known || !filepath.IsLocal(f.Path) {
				return fmt.Errorf("%w: %q is no file of the backup", ErrDamaged, h.Name)
			}
			delete(left, h.Name)
			if err := writeFile(filepath.Join(dir, filepath.FromSlash(f.Path)), t, f); err != nil {
				return err
			}
		}
		for name := range left {
			return fmt.Errorf("%w: %s is missing", ErrDamaged, strings.TrimPrefix(name, filesPrefix))
		}
		return nil
	})
}

func readRecord(t *tar.Reader) (r store.Record, err error) {
	h, err := t.Next()
	if err == nil && h.Name != recordName {
		err = fmt.Errorf("it begins with %q", h.Name)
	}
	if err == nil {
		err = json.NewDecoder(t).Decode(&r)
	}
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return r, nil
}

func writeFile(path string, content io.Reader, f store.File) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum := &summed{h: sha256.New()}
	_, err = io.Copy(io.MultiWriter(out, sum), content)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if sum.n != f.Size || hex.EncodeToString(sum.h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: %s is not what the record says", ErrDamaged, f.Path)
	}
	return nil
}

// Check reads an object again and compares it with its manifest. It needs no key.
func (p *Place) Check(ctx context.Context, m Manifest) error {
	o, err := p.client.GetObject(ctx, p.bucket, p.data(m), minio.GetObjectOptions{})
	if err != nil {
		return p.explain("reading the copy of "+m.ID, err)
	}
	defer o.Close() // only read
	sum := &summed{h: sha256.New()}
	_, err = io.Copy(sum, o)
	if gone(err) {
		return fmt.Errorf("the copy of %s on S3: %w: its data is gone", m.ID, ErrDamaged)
	}
	if err != nil {
		return p.explain("reading the copy of "+m.ID, err)
	}
	return m.same(sum)
}

func gone(err error) bool { return code(err) == "NoSuchKey" }

func (m Manifest) same(sum *summed) error {
	if sum.n != m.Stored || hex.EncodeToString(sum.h.Sum(nil)) != m.SHA256 {
		return fmt.Errorf("the copy of %s on S3: %w: its data is not what its manifest says", m.ID, ErrDamaged)
	}
	return nil
}

// read opens the data, and compares the object with its manifest when do has ended well.
func (p *Place) read(ctx context.Context, m Manifest, do func(*tar.Reader) error) error {
	o, err := p.client.GetObject(ctx, p.bucket, p.data(m), minio.GetObjectOptions{})
	if err != nil {
		return p.explain("reading the copy of "+m.ID, err)
	}
	defer o.Close() // only read
	sum := &summed{h: sha256.New()}
	raw := io.TeeReader(o, sum)
	content := raw
	if m.Encrypted {
		if p.key == "" {
			return fmt.Errorf("reading the copy of %s on S3: it is encrypted, and there is no BACKUP_KEY here, or BACKUP_ENCRYPT is off: put the old values back", m.ID)
		}
		with, err := age.NewScryptIdentity(p.key)
		if err != nil {
			return err
		}
		content, err = age.Decrypt(raw, with)
		var wrong *age.NoIdentityMatchError
		if errors.As(err, &wrong) {
			return fmt.Errorf("reading the copy of %s on S3: BACKUP_KEY is another one than when it was made: put the old value back", m.ID)
		}
		if gone(err) {
			return fmt.Errorf("the copy of %s on S3: %w: its data is gone", m.ID, ErrDamaged)
		}
		if err != nil {
			return p.explain("reading the copy of "+m.ID, err)
		}
	}
	if err := do(tar.NewReader(content)); err != nil {
		return p.explain("reading the copy of "+m.ID, err)
	}
	if _, err := io.Copy(io.Discard, content); err != nil { // to its end, whose seal age looks at
		return p.explain("reading the copy of "+m.ID, err)
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return p.explain("reading the copy of "+m.ID, err)
	}
	return m.same(sum)
}
