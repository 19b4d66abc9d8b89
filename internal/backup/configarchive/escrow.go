package configarchive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"drydock/internal/aside"
)

// Escrow says whether somebody has shown that the secret key is kept elsewhere.
type Escrow struct {
	Confirmed bool
	Recipient string    // whose secret key was shown
	At        time.Time // UTC
	Where     string    // as the person said
	Warning   string    // what to tell when it is not confirmed; empty if it is
}

type escrowRecord struct {
	Recipient string    `json:"recipient"`
	At        time.Time `json:"at"`
	Where     string    `json:"where"`
}

// ConfirmEscrow notes in the file at path that a key was shown that opens what the
// recipients are sent. The key itself is only used to open a trial and is kept nowhere.
// Where says in a person's words where it lies, e.g. "safe in the office".
func ConfirmEscrow(path string, r Recipients, key Identities, where string, now time.Time) error {
	if r.None() {
		return errors.New("confirming the key: no recipient is set, so there is none to confirm")
	}
	if strings.TrimSpace(where) == "" {
		return errors.New("confirming the key: say where it is kept, so that it is found when this machine is gone")
	}
	name, err := r.opener(key)
	if err != nil {
		return fmt.Errorf("confirming the key: %w", err)
	}
	text, err := json.Marshal(escrowRecord{Recipient: name, At: now.UTC().Truncate(time.Second), Where: where})
	if err != nil {
		return err
	}
	if err := aside.WriteBytes(path, 0o600, append(text, '\n')); err != nil {
		return fmt.Errorf("confirming the key: %w", err)
	}
	return nil
}

// opener finds the recipient that the key opens for, by trying.
func (r Recipients) opener(key Identities) (string, error) {
	for i, one := range r.list {
		trial, err := Recipients{list: []age.Recipient{one}}.encrypt([]byte("trial"))
		if err != nil {
			return "", err
		}
		if len(key.list) > 0 {
			if _, err := key.decrypt(trial, nil); err == nil {
				return r.names[i], nil
			}
		}
	}
	return "", &WrongKeyError{r.names}
}

// CheckEscrow says whether a key for one of the present recipients was confirmed. An
// encrypted backup whose key lies only on the machine that it is a backup of is none, so the warning
// is for every command that makes or lists one. A passphrase that was changed is not noticed.
func CheckEscrow(path string, r Recipients) (Escrow, error) {
	if r.None() {
		return Escrow{Confirmed: true}, nil // nothing is encrypted
	}
	warn := func(why string) Escrow {
		return Escrow{Warning: fmt.Sprintf("the secrets in the backup can only be opened with the secret key of %s, and %s. "+
			"If it lies only on this machine, it is lost with it: keep it elsewhere, and confirm that by showing it once", strings.Join(r.names, " or "), why)}
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return warn("nobody has confirmed where that is kept"), nil
	}
	if err != nil {
		return Escrow{}, fmt.Errorf("reading where the key is kept: %w", err)
	}
	var rec escrowRecord
	if json.Unmarshal(text, &rec) != nil {
		return warn("the note about where that is kept is not readable"), nil
	}
	if !slices.Contains(r.names, rec.Recipient) {
		return warn(fmt.Sprintf("what was confirmed on %s is another one, of %s", rec.At.Format(time.DateOnly), rec.Recipient)), nil
	}
	return Escrow{Confirmed: true, Recipient: rec.Recipient, At: rec.At, Where: rec.Where}, nil
}
