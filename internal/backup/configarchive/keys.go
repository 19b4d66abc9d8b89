package configarchive

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"drydock/internal/aside"
)

// SigningKey is the key that archives of this installation are signed with.
type SigningKey struct{ private ed25519.PrivateKey }

// PublicKey is whom an archive can be trusted to come from.
type PublicKey string

const (
	keyPrefix = "ed25519:"
	pemType   = "PRIVATE KEY"
)

// Public is the half to keep elsewhere: with it an archive can be checked on another machine.
func (k SigningKey) Public() PublicKey {
	return PublicKey(keyPrefix + base64.StdEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey)))
}

// ParsePublicKey reads what Public gave.
func ParsePublicKey(text string) (PublicKey, error) {
	if _, err := PublicKey(strings.TrimSpace(text)).key(); err != nil {
		return "", err
	}
	return PublicKey(strings.TrimSpace(text)), nil
}

func (p PublicKey) key() (ed25519.PublicKey, error) {
	raw, ok := strings.CutPrefix(string(p), keyPrefix)
	b, err := base64.StdEncoding.DecodeString(raw)
	if !ok || err != nil || len(b) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q is no public key of an archive's signer; it looks like %s and 44 characters", string(p), keyPrefix)
	}
	return b, nil
}

// LoadKey reads the signing key at path, and makes one if there is none yet. Of two
// processes that make one at the same time both get the same. The caller shows the public
// half of a new key, so that a person can keep it.
func LoadKey(path string) (key SigningKey, created bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("the key that archives are signed with: %w", err)
		}
	}()
	key, err = readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return SigningKey{}, false, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return SigningKey{}, false, err
	}
	// Written whole beside the place, then linked: a link, other than a rename, never
	// replaces the key that another process has made meanwhile.
	fresh := path + ".new-" + rand.Text()
	if err := aside.WriteBytes(fresh, 0o600, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})); err != nil {
		return SigningKey{}, false, err
	}
	err = os.Link(fresh, path)
	created = err == nil
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err = errors.Join(err, os.Remove(fresh), aside.SyncDir(filepath.Dir(path))); err != nil {
		return SigningKey{}, false, err
	}
	key, err = readKey(path)
	return key, created, err
}

func readKey(path string) (SigningKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return SigningKey{}, err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return SigningKey{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return SigningKey{}, fmt.Errorf("%s can be read by others (mode %o), who could sign as well; run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return SigningKey{}, err
	}
	if block, _ := pem.Decode(text); block != nil {
		if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if private, ok := k.(ed25519.PrivateKey); ok {
				return SigningKey{private}, nil
			}
		}
	}
	return SigningKey{}, fmt.Errorf("%s holds no ed25519 key; bring it back from a copy, or remove it to have a new one made (archives are then signed by another key)", path)
}
