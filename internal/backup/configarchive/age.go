package configarchive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
)

// Recipients are who can open the secrets.
type Recipients struct {
	list  []age.Recipient
	names []string
}

// passphraseName stands in the index where a passphrase opens the secrets.
const passphraseName = "passphrase"

// Names are the public keys, for people.
func (r Recipients) Names() []string { return slices.Clone(r.names) }

// None says that there is nobody.
func (r Recipients) None() bool { return len(r.list) == 0 }

// ParseRecipients reads public keys of age, one a line or separated by spaces or commas;
// lines that begin with # are comments. No key is no error: not everybody has secrets.
func ParseRecipients(text string) (Recipients, error) {
	var r Recipients
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\r\n,", c) }) {
			if strings.HasPrefix(strings.ToUpper(word), "AGE-SECRET-KEY-") {
				// The word itself must not come into a log.
				return Recipients{}, errors.New("a secret key of age was given as a recipient; give the public one (age1...), and take the secret one away from this machine")
			}
			parsed, err := age.ParseRecipients(strings.NewReader(word))
			if err != nil {
				return Recipients{}, fmt.Errorf("a recipient of the secrets is no public key of age; it looks like age1..., this one has %d characters", len(word))
			}
			if !slices.Contains(r.names, word) {
				r.list, r.names = append(r.list, parsed...), append(r.names, word)
			}
		}
	}
	return r, nil
}

// minPassphrase is how many characters a passphrase must have: whoever has the archive can
// try as many as he likes.
const minPassphrase = 16

// Passphrase makes a passphrase the only way to open the secrets. Writing and reading then
// take about a second of computing.
func Passphrase(passphrase string) (Recipients, error) {
	if len(passphrase) < minPassphrase {
		return Recipients{}, fmt.Errorf("the passphrase of the archive has %d characters; give at least %d, or use a key of age", len(passphrase), minPassphrase)
	}
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return Recipients{}, err
	}
	r.SetWorkFactor(scryptWork)
	return Recipients{list: []age.Recipient{r}, names: []string{passphraseName}}, nil
}

// scryptWork is the power of two of the passphrase's cost; tests lower it.
var scryptWork = 18

// Identities open secrets.
type Identities struct{ list []age.Identity }

// ParseIdentities reads secret keys of age, as age-keygen writes them.
func ParseIdentities(text string) (Identities, error) {
	list, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		// age's own error may quote the line.
		return Identities{}, errors.New("this is no secret key of age; the file has a line that begins with AGE-SECRET-KEY-")
	}
	return Identities{list}, nil
}

// PassphraseIdentity opens what [Passphrase] closed.
func PassphraseIdentity(passphrase string) (Identities, error) {
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return Identities{}, err
	}
	return Identities{[]age.Identity{id}}, nil
}

// GenerateIdentity makes a pair of keys. The secret half belongs anywhere but on the
// machine that makes the backups.
func GenerateIdentity() (secret, public string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	return id.String(), id.Recipient().String(), nil
}

func (r Recipients) encrypt(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, r.list...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// WrongKeyError is a key that does not open the secrets.
type WrongKeyError struct{ Recipients []string }

func (e *WrongKeyError) Error() string {
	return "none of the keys that were given opens the secrets of this archive; they are encrypted to " +
		strings.Join(e.Recipients, ", ") + ": give the secret key of one of these"
}

func (i Identities) decrypt(data []byte, recipients []string) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(data), i.list...)
	if none := new(age.NoIdentityMatchError); errors.As(err, &none) {
		return nil, &WrongKeyError{recipients}
	}
	if err == nil {
		data, err = io.ReadAll(r)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", secretsName, err)
	}
	return data, nil
}
