package env

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"drydock/internal/aside"
	"drydock/internal/flock"
)

// secretLength in letters and digits is about 190 bits.
const secretLength = 32

// newSecret makes a secret of letters and digits only: it needs no quoting in
// any connection string, also not in one that a user's own image builds.
func newSecret() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	out := make([]byte, 0, secretLength)
	var buf [2 * secretLength]byte
	for len(out) < secretLength {
		_, _ = rand.Read(buf[:]) // never fails (crypto/rand)
		for _, b := range buf {
			// 248 is the largest multiple of 62 in a byte: above it some
			// characters would be more frequent than others.
			if b < 248 && len(out) < secretLength {
				out = append(out, alphabet[b%62])
			}
		}
	}
	return string(out)
}

// makeSecrets makes the secrets that dev lacks and puts them into the settings.
func (r *resolver) makeSecrets() {
	for _, k := range r.missing {
		file := secretFile(r.env, k.Name)
		value, _, err := ensureSecret(r.src.Root, r.env, k.Name)
		if err != nil {
			r.complain(Origin{File: file}, k.Name, "the secret cannot be made ("+err.Error()+")", "check the owner and mode of "+secretsDir(r.env))
			continue
		}
		if err := k.store(r.settings, value); err != nil {
			r.complain(Origin{File: file}, k.Name, "the secret "+err.Error(), "remove the file")
			continue
		}
		r.putSecret(k, value, Origin{File: file})
	}
}

// ensureSecret returns the content of a secret's file and makes it when it
// isn't there. Two processes at once get the same content: the check and the
// rename happen under a lock, and the file appears whole or not at all.
func ensureSecret(root, env, key string) (value string, made bool, err error) {
	dir := filepath.Join(root, secretsDir(env))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", false, err
	}
	for _, d := range []string{filepath.Dir(dir), dir} { // an older folder may be open to others
		if err := os.Chmod(d, 0o700); err != nil {
			return "", false, err
		}
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return "", false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	file := filepath.Join(root, secretFile(env, key))
	old, err := os.ReadFile(file)
	if err == nil && len(old) > 0 {
		return withoutLineBreak(string(old)), false, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", false, err
	}
	value = newSecret()
	if err := aside.WriteBytes(file, 0o600, []byte(value+"\n")); err != nil {
		return "", false, err
	}
	return value, true, nil
}

// lockDir locks a folder against other processes and other callers here.
func lockDir(dir string) (unlock func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := flock.Wait(f, flock.Exclusive); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
	}
	return f.Close, nil
}

// GenerateMissing makes the secrets that Drydock can make and that no layer has,
// as strong ones in .secrets/<env>/, and writes the paths to w, never a value.
// It is the same for dev and prod. Other problems of the settings do not stop
// it: it is one of the steps that lead to settings without problems.
func GenerateMissing(w io.Writer, src Source) error {
	src.ReadOnly = true
	r := resolve(src)
	if r.layers == nil {
		return r.problems.err()
	}
	n := 0
	for _, k := range schema() {
		if !k.Make {
			continue
		}
		v, ok := r.settings.values.byKey[k.Name]
		if ok && v.raw != nil {
			continue
		}
		if name, at := r.findSecret(k.Name); name != "" {
			return fmt.Errorf("making the missing secrets of %s: %s is set by %s but cannot be used; run `ENV=%s go tool mage env:check`", r.env, k.Name, at, r.env)
		}
		file := secretFile(r.env, k.Name)
		_, made, err := ensureSecret(src.Root, r.env, k.Name)
		if err != nil {
			return fmt.Errorf("making the secret %s in %s: %w", k.Name, file, err)
		}
		if made {
			n++
			if _, err := fmt.Fprintln(w, file); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		_, err := fmt.Fprintf(w, "nothing to make: environment %s has all its secrets\n", r.env)
		return err
	}
	return nil
}
