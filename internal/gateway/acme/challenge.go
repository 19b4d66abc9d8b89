package acme

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"drydock/internal/aside"
)

// tokenName is base64url (RFC 8555, 8.3). What a server sends becomes a file's name, so
// nothing else gets through; 128 bits are 22 characters.
var tokenName = regexp.MustCompile(`^[A-Za-z0-9_-]{22,200}$`)

// tokens is the folder whose files nginx serves at /.well-known/acme-challenge/.
type tokens struct{ dir string }

// put writes the answer to a challenge. Mode 0644: nginx's workers may be another user.
func (t tokens) put(token, answer string) error {
	if !tokenName.MatchString(token) {
		return fmt.Errorf("the ACME server sent a token that is none: %.100q", token)
	}
	return aside.WriteBytes(filepath.Join(t.dir, token), 0o644, []byte(answer))
}

func (t tokens) remove(token string) error {
	if err := os.Remove(filepath.Join(t.dir, token)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// clear makes the folder, and removes what a killed process left there. The caller holds
// the lock, so nothing in it is in use.
func (t tokens) clear() error {
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(t.dir)
	for _, e := range entries {
		if e.Type().IsRegular() {
			err = errors.Join(err, t.remove(e.Name()))
		}
	}
	return err
}
