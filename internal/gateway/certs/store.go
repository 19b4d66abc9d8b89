package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"drydock/internal/aside"
)

// The files of a pair, in Store.Dir/current.
const (
	CertFile = "cert.pem"
	KeyFile  = "key.pem"
)

// Store keeps certificate pairs in a folder:
//
//	Dir/pairs/<serial>-<random>/cert.pem, key.pem   one folder a pair, never changed
//	Dir/current  -> pairs/...                       what is to be served
//	Dir/previous -> pairs/...                       what was served before
//
// A pair is published by one rename of the symlink, so whoever resolves `current` once
// and then reads both files always has a whole pair. A reader that opens
// current/cert.pem and current/key.pem by their names can fall between two pairs: it must
// retry when they do not match. There must be one writer at a time: lock above.
type Store struct{ Dir string }

// Pair is a certificate and its key as they lie in the store.
type Pair struct {
	Dir  string // the pair's own folder, absolute if the store's is; stays the same when another is published
	Cert []byte // PEM, the server's certificate first
	Key  []byte // PEM
	Info Info
}

// Publish makes a pair the current one. It refuses a key that does not belong to the
// certificate. A failure, or a kill at any point, leaves the old pair current.
func (s Store) Publish(certPEM, keyPEM []byte) (Pair, error) {
	pair, err := s.publish(certPEM, keyPEM)
	if err != nil {
		return Pair{}, fmt.Errorf("storing a certificate in %s: %w", s.Dir, err)
	}
	return pair, nil
}

func (s Store) publish(certPEM, keyPEM []byte) (Pair, error) {
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		return Pair{}, fmt.Errorf("the pair is not usable: %w", err)
	}
	info, err := Read(certPEM)
	if err != nil {
		return Pair{}, err
	}
	if err := os.MkdirAll(s.pairs(), 0o755); err != nil {
		return Pair{}, err
	}
	if err := s.prune(); err != nil { // also what a kill left half made
		return Pair{}, err
	}
	dir, err := os.MkdirTemp(s.pairs(), info.Serial+"-")
	if err != nil {
		return Pair{}, err
	}
	err = errors.Join(
		os.Chmod(dir, 0o755),
		aside.WriteBytes(filepath.Join(dir, KeyFile), 0o600, keyPEM),
		aside.WriteBytes(filepath.Join(dir, CertFile), 0o644, certPEM),
		aside.SyncDir(dir),
		aside.SyncDir(s.pairs()),
	)
	if err == nil {
		err = s.point(filepath.Base(dir))
	}
	if err != nil {
		if now, linkErr := os.Readlink(filepath.Join(s.Dir, "current")); linkErr == nil && filepath.Base(now) == filepath.Base(dir) {
			return Pair{}, err // the link moved, only its sync failed: the pair is in use
		}
		return Pair{}, errors.Join(err, os.RemoveAll(dir))
	}
	_ = s.prune() // the pair is published; what cannot be removed now is tried again next time
	return Pair{Dir: dir, Cert: certPEM, Key: keyPEM, Info: info}, nil
}

// point moves `current`, and `previous` before it: after a kill in between, `previous` is
// the pair that still is current, and nothing is lost.
func (s Store) point(name string) error {
	old, err := os.Readlink(filepath.Join(s.Dir, "current"))
	switch {
	case err == nil:
		if err := s.link("previous", filepath.Base(old)); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return s.link("current", name)
}

func (s Store) link(link, name string) error {
	tmp := filepath.Join(s.Dir, "."+link+"-new")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Relative, so that the folder can be mounted anywhere.
	if err := os.Symlink(filepath.Join("pairs", name), tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(s.Dir, link)); err != nil {
		return err
	}
	return aside.SyncDir(s.Dir)
}

// Current is the pair that is to be served; fs.ErrNotExist when there is none yet.
func (s Store) Current() (Pair, error) { return s.load("current") }

// Previous is the pair that was current before; fs.ErrNotExist when there is none.
func (s Store) Previous() (Pair, error) { return s.load("previous") }

func (s Store) load(link string) (Pair, error) {
	for {
		target, err := os.Readlink(filepath.Join(s.Dir, link))
		if err != nil {
			return Pair{}, fmt.Errorf("reading the %s certificate in %s: %w", link, s.Dir, err)
		}
		pair, err := s.read(target)
		if err == nil {
			return pair, nil
		}
		// Two pairs may have been published since, and this one pruned.
		if again, errAgain := os.Readlink(filepath.Join(s.Dir, link)); errAgain == nil && again != target {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New(err.Error()) // a damaged pair must not pass for one that was never there
		}
		return Pair{}, fmt.Errorf("the %s certificate in %s is damaged or not readable: %w", link, s.Dir, err)
	}
}

func (s Store) read(target string) (Pair, error) {
	p := Pair{Dir: filepath.Join(s.pairs(), filepath.Base(target))}
	var err error
	if p.Cert, err = os.ReadFile(filepath.Join(p.Dir, CertFile)); err != nil {
		return Pair{}, err
	}
	if p.Key, err = os.ReadFile(filepath.Join(p.Dir, KeyFile)); err != nil {
		return Pair{}, err
	}
	if _, err = tls.X509KeyPair(p.Cert, p.Key); err != nil {
		return Pair{}, err
	}
	p.Info, err = Read(p.Cert)
	return p, err
}

// prune removes all pairs but the current and the previous one.
func (s Store) prune() error {
	keep := map[string]bool{}
	for _, link := range []string{"current", "previous"} {
		target, err := os.Readlink(filepath.Join(s.Dir, link))
		if err == nil {
			keep[filepath.Base(target)] = true
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	entries, err := os.ReadDir(s.pairs())
	for _, e := range entries {
		if !keep[e.Name()] && strings.Contains(e.Name(), "-") {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.pairs(), e.Name())))
		}
	}
	return err
}

func (s Store) pairs() string { return filepath.Join(s.Dir, "pairs") }
