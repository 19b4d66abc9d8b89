package configarchive

import (
	"archive/tar"
	"bytes"
	"context"
	"drydock/internal/aside"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ReadOptions say whom to trust and how the secrets are opened.
type ReadOptions struct {
	Trusted     []PublicKey
	Identities  Identities
	SkipSecrets bool // leave them closed; without it an archive with secrets needs a key
}

// Read unpacks an archive into dir, which must not exist: the files below files/, the
// secrets below secrets/. The folder is there, complete and verified, or it is not there.
func Read(ctx context.Context, r io.Reader, dir string, o ReadOptions) (Summary, error) {
	s, err := read(ctx, r, dir, o)
	if err != nil {
		return Summary{}, fmt.Errorf("unpacking the archive of the configuration: %w", err)
	}
	return s, nil
}

func read(ctx context.Context, r io.Reader, dir string, o ReadOptions) (_ Summary, err error) {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return Summary{}, errors.Join(fmt.Errorf("%s is there already: name a folder that does not exist yet", dir), err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-*")
	if err != nil {
		return Summary{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	var sealed []byte
	s, err := scan(ctx, r, o.Trusted, func(e Entry, content io.Reader) error {
		if e.Path == secretsName {
			if e.Size > maxInMemory {
				return fmt.Errorf("%s has %d bytes; no more than %d are secrets", secretsName, e.Size, maxInMemory)
			}
			sealed, err = io.ReadAll(content)
			return err
		}
		return unpack(filepath.Join(temp, filepath.FromSlash(e.Path)), fs.FileMode(e.Mode), content)
	})
	if err != nil {
		return Summary{}, err
	}
	if s.Index.Secrets > 0 && !o.SkipSecrets {
		if err := openSecrets(filepath.Join(temp, "secrets"), sealed, s.Index, o.Identities); err != nil {
			return Summary{}, err
		}
	}
	if err := os.Rename(temp, dir); err != nil {
		return Summary{}, err
	}
	return s, aside.SyncDir(filepath.Dir(dir))
}

func openSecrets(dir string, sealed []byte, index Index, keys Identities) error {
	if len(keys.list) == 0 {
		return fmt.Errorf("it holds %d secrets, encrypted to %s, and no key was given: give the secret key of one of these", index.Secrets, strings.Join(index.Recipients, ", "))
	}
	plain, err := keys.decrypt(sealed, index.Recipients)
	if err != nil {
		return err
	}
	t := tar.NewReader(bytes.NewReader(plain))
	n := 0
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the secrets: %w", err)
		}
		if err := validPath(h.Name); err != nil || h.Typeflag != tar.TypeReg {
			return fmt.Errorf("reading the secrets: %q does not belong there", h.Name)
		}
		if err := unpack(filepath.Join(dir, filepath.FromSlash(h.Name)), fs.FileMode(h.Mode)&0o700, t); err != nil {
			return err
		}
		n++
	}
	if n != index.Secrets {
		return fmt.Errorf("it holds %d secrets, the index says %d", n, index.Secrets)
	}
	return nil
}

// unpack writes a new file. The folders are only for the owner: what was unpacked is
// handed on from here.
func unpack(path string, mode fs.FileMode, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Chmod(mode.Perm()), f.Sync(), f.Close())
}
