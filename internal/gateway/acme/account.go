package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	legoacme "github.com/go-acme/lego/v5/acme"

	"drydock/internal/aside"
)

// account is who we are to one directory. Its key is the identity: with it, the server
// answers a registration with the account that is there already.
type account struct {
	dir string
	key *ecdsa.PrivateKey // nil until the first registration begins
	accountFile
}

type accountFile struct {
	Directory string `json:"directory"`
	Email     string `json:"email,omitempty"`
	Location  string `json:"location"` // the account's URL at the server; empty: not registered
}

// accountDir has the host's name for people, and the hash for what a host alone doesn't
// tell apart.
func accountDir(store, directory string) string {
	host := "directory"
	if u, err := url.Parse(directory); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return filepath.Join(store, "accounts", fmt.Sprintf("%s-%x", host, sha256.Sum256([]byte(directory)))[:len(host)+9])
}

// loadAccount reads the account, or what there is of it. A key that cannot be read is
// never replaced silently: it may be on a backup, and limits are counted by account.
func (m *Manager) loadAccount() (*account, error) {
	a := &account{dir: accountDir(m.o.Store, m.o.Directory)}
	keyFile, jsonFile := filepath.Join(a.dir, "key.pem"), filepath.Join(a.dir, "account.json")
	advice := fmt.Sprintf("put it back from a backup, or remove %s to register a new account (the certificates stay)", a.dir)
	keyPEM, err := os.ReadFile(keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(jsonFile); err == nil {
			return nil, fmt.Errorf("the key of the ACME account, %s, is missing: %s", keyFile, advice)
		}
		return a, nil
	case err != nil:
		return nil, fmt.Errorf("reading the key of the ACME account: %w", err)
	}
	block, _ := pem.Decode(keyPEM)
	if block != nil {
		a.key, err = x509.ParseECPrivateKey(block.Bytes)
	}
	if block == nil || err != nil {
		return nil, fmt.Errorf("the key of the ACME account, %s, is damaged: %s", keyFile, advice)
	}
	content, err := os.ReadFile(jsonFile)
	if err == nil {
		err = json.Unmarshal(content, &a.accountFile)
	}
	if err != nil || a.Directory != m.o.Directory {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.o.Log.Warn("The record of the ACME account is damaged; its key is whole, so the server is asked for it", "file", jsonFile, "error", err)
		}
		a.accountFile = accountFile{}
	}
	return a, nil
}

// ensureKey makes the account's key. It lies on disk before the server hears of it: a
// kill in between costs no account.
func (a *account) ensureKey() error {
	if a.key != nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the key of the ACME account: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding the key of the ACME account: %w", err)
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("keeping the ACME account: %w", err)
	}
	content := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := aside.WriteBytes(filepath.Join(a.dir, "key.pem"), 0o600, content); err != nil {
		return fmt.Errorf("keeping the ACME account: %w", err)
	}
	a.key = key
	return nil
}

// signIn registers the account, unless it is, and brings its e-mail address up to date.
func (s *session) signIn(ctx context.Context) error {
	a := s.account
	contact := []string(nil)
	if s.m.o.Email != "" {
		contact = []string{"mailto:" + s.m.o.Email}
	}
	switch {
	case a.Location == "":
		if s.core.GetDirectory().Meta.ExternalAccountRequired {
			return errors.New("this ACME server registers only accounts that are bound to a customer of its own (external account binding), which is not supported: use another directory, or bring the certificate as files")
		}
		answer, err := s.core.Accounts.New(ctx, legoacme.Account{TermsOfServiceAgreed: true, Contact: contact})
		if err != nil {
			return fmt.Errorf("registering the ACME account: %w", s.explain(err))
		}
		a.Location = answer.Location
		s.m.o.Log.Info("The ACME account is registered", "directory", s.m.o.Directory, "account", a.Location)
	case a.Email != s.m.o.Email && contact != nil:
		if _, err := s.core.Accounts.Update(ctx, a.Location, legoacme.Account{Contact: contact}); err != nil {
			if isType(err, legoacme.AccountDoesNotExistErrorType) {
				return s.signInAnew(ctx)
			}
			return fmt.Errorf("changing the e-mail address of the ACME account: %w", s.explain(err))
		}
	default:
		return nil
	}
	a.Directory, a.Email = s.m.o.Directory, s.m.o.Email
	content, err := json.MarshalIndent(a.accountFile, "", "  ")
	if err == nil {
		err = aside.WriteBytes(filepath.Join(a.dir, "account.json"), 0o600, append(content, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keeping the ACME account: %w", err)
	}
	return nil
}

// signInAnew is for a server that has forgotten the account.
func (s *session) signInAnew(ctx context.Context) error {
	s.m.o.Log.Warn("The ACME server does not know the account any more; it is registered anew", "account", s.account.Location)
	s.account.Location = ""
	if err := s.connect(); err != nil {
		return err
	}
	return s.signIn(ctx)
}
