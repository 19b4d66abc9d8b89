package certs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/aside"
	"drydock/internal/flock"
)

// LocalFiles are the files of a local authority's folder and what is in them.
type LocalFiles struct {
	CA, Cert, Key string // paths; CA is what a developer imports into a browser

	CAPEM, CertPEM, KeyPEM []byte

	NewAuthority bool   // the authority is new: it has to be imported (again)
	NewCert      bool   // the certificate is new
	Why          string // why something is new, a clause; empty when nothing is
}

// Local keeps a development authority and one server certificate in dir: ca.pem,
// ca-key.pem, cert.pem, key.pem. All is made on first use. The certificate is made anew
// when it is due or the names change; the authority stays the same until it ends, or a
// name is wanted that is outside of what it may sign (local names always are inside).
//
// Two processes at once get the same content.
func Local(dir string, names []string, now time.Time) (LocalFiles, error) {
	files, err := local(dir, names, now)
	if err != nil {
		return LocalFiles{}, fmt.Errorf("keeping the local certificate in %s: %w", dir, err)
	}
	return files, nil
}

func local(dir string, names []string, now time.Time) (f LocalFiles, err error) {
	if names, err = NormaliseAll(names); err != nil {
		return f, err
	}
	if len(names) == 0 {
		return f, errors.New("no names are given: name at least localhost")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f, err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return f, err
	}
	defer unlock()
	f = LocalFiles{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	ca, err := f.authority(filepath.Join(dir, "ca-key.pem"), names, now)
	if err != nil {
		return f, err
	}
	return f, f.certificate(ca, names, now)
}

// authority loads or makes the authority. One without its key is never replaced silently:
// somebody's browser trusts it.
func (f *LocalFiles) authority(keyPath string, names []string, now time.Time) (*Authority, error) {
	caPEM, errCA := readOrNone(f.CA)
	keyPEM, errKey := readOrNone(keyPath)
	if err := errors.Join(errCA, errKey); err != nil {
		return nil, err
	}
	var permit []string
	switch {
	case caPEM == nil:
		// A key alone is from a kill between the two writes: nobody has its certificate.
		f.Why = "there was no authority yet"
	case keyPEM == nil:
		return nil, fmt.Errorf("%s is there but its key %s is not: put the key back, or remove %s to make a new authority (and import that into the browser)", f.CA, keyPath, f.CA)
	default:
		ca, err := LoadAuthority(caPEM, keyPEM)
		if err != nil {
			return nil, fmt.Errorf("%w: put %s and %s back as they were, or remove both to make a new authority (and import that into the browser)", err, f.CA, keyPath)
		}
		f.CAPEM = caPEM
		outside := ""
		for _, n := range names {
			if !ca.Permits(n) {
				outside = n
			}
		}
		switch {
		case !now.Before(ca.NotAfter()):
			f.Why = "the authority ended on " + day(ca.NotAfter())
		case outside != "":
			f.Why = "the authority may not sign for " + outside
		default:
			return ca, nil
		}
		// What it could sign before it still can, so that two checkouts' names that
		// take turns do not make a new authority each time.
		permit = ca.cert.PermittedDNSDomains
		for _, r := range ca.cert.PermittedIPRanges {
			if ones, bits := r.Mask.Size(); ones == bits {
				permit = append(permit, r.IP.String())
			}
		}
	}
	caPEM, keyPEM, err := NewAuthority(now, append(permit, names...)...)
	if err != nil {
		return nil, err
	}
	// The key first: a certificate without its key would be refused above.
	if f.CAPEM != nil {
		err = os.Remove(f.CA)
	}
	if err = errors.Join(err, aside.WriteBytes(keyPath, 0o600, keyPEM)); err == nil {
		err = aside.WriteBytes(f.CA, 0o644, caPEM)
	}
	if err != nil {
		return nil, err
	}
	f.CAPEM, f.NewAuthority = caPEM, true
	return LoadAuthority(caPEM, keyPEM)
}

// certificate loads the server's certificate, or makes it when it has to be.
func (f *LocalFiles) certificate(ca *Authority, names []string, now time.Time) error {
	certPEM, errCert := readOrNone(f.Cert)
	keyPEM, errKey := readOrNone(f.Key)
	if err := errors.Join(errCert, errKey); err != nil {
		return err
	}
	renew, why := NeedsRenewal(certPEM, now, names)
	if certPEM == nil {
		why = "there was no certificate yet"
	}
	if !renew {
		leaf, err := Leaf(certPEM)
		key, keyErr := parseKey(keyPEM)
		switch {
		case err != nil || keyErr != nil || !samePublic(leaf.PublicKey, key.Public()):
			renew, why = true, "its key did not belong to it"
		case !signed(ca.cert, leaf):
			renew, why = true, "another authority had signed it"
		}
	}
	if !renew {
		f.CertPEM, f.KeyPEM = certPEM, keyPEM
		return nil
	}
	dns, ips := split(names)
	certPEM, keyPEM, err := ca.Issue(dns, ips, now)
	if err == nil {
		err = aside.WriteBytes(f.Key, 0o600, keyPEM)
	}
	if err == nil {
		err = aside.WriteBytes(f.Cert, 0o644, certPEM)
	}
	if err != nil {
		return err
	}
	f.CertPEM, f.KeyPEM, f.NewCert = certPEM, keyPEM, true
	if f.Why == "" {
		f.Why = why
	}
	return nil
}

func readOrNone(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// lockDir keeps other processes out of a folder.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock.Wait(f, flock.Exclusive); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back
}
