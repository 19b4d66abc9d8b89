package configarchive

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheSigningKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "signing.key")
	var wg sync.WaitGroup
	var mu sync.Mutex
	made, publics := 0, map[PublicKey]bool{}
	for range 8 {
		wg.Go(func() {
			key, created, err := LoadKey(path)
			if !assert.NoError(t, err) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			publics[key.Public()] = true
			if created {
				made++
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 1, made)
	assert.Len(t, publics, 1, "all have the same")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1)
	for p := range publics {
		again, err := ParsePublicKey(" " + string(p) + "\n")
		require.NoError(t, err)
		assert.Equal(t, p, again)
	}
	for _, bad := range []string{"", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "ed25519:%%"} {
		_, err := ParsePublicKey(bad)
		assert.Error(t, err, bad)
	}

	require.NoError(t, os.Chmod(path, 0o640))
	_, _, err = LoadKey(path)
	assert.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("damaged"), 0o600))
	_, _, err = LoadKey(path)
	assert.ErrorContains(t, err, "bring it back from a copy")
	_, _, err = LoadKey(filepath.Join(dir, "none", "signing.key"))
	assert.ErrorContains(t, err, "the key that archives are signed with")
}

func TestRecipients(t *testing.T) {
	secret, public, err := GenerateIdentity()
	require.NoError(t, err)
	r, err := ParseRecipients(" \n# a comment, with commas\n")
	require.NoError(t, err)
	assert.True(t, r.None())
	r, err = ParseRecipients(public + " " + public + ",\r\n")
	require.NoError(t, err)
	assert.Equal(t, []string{public}, r.Names())
	for _, bad := range []string{"age1nonsense", "ssh-rsa", public[:len(public)-1]} {
		_, err := ParseRecipients(bad)
		assert.ErrorContains(t, err, "no public key of age", bad)
	}
	for _, bad := range []string{secret, strings.ToLower(secret)} {
		_, err = ParseRecipients(bad)
		require.ErrorContains(t, err, "give the public one")
		assert.NotContains(t, strings.ToUpper(err.Error()), secret[20:])
	}
	_, err = ParseIdentities("AGE-SECRET-KEY-1NONSENSE")
	require.ErrorContains(t, err, "no secret key of age")
	assert.NotContains(t, err.Error(), "NONSENSE")
}

// An encrypted backup whose key lies only on the machine that is lost is no backup.
func TestTheEscrowOfTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "escrow.json")
	k, other := newKeys(t), newKeys(t)
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

	e, err := CheckEscrow(path, Recipients{})
	require.NoError(t, err)
	assert.True(t, e.Confirmed, "nothing is encrypted")
	e, err = CheckEscrow(path, k.recipients)
	require.NoError(t, err)
	assert.False(t, e.Confirmed)
	assert.Contains(t, e.Warning, "lost with it")
	assert.Contains(t, e.Warning, k.recipients.Names()[0])

	assert.ErrorAs(t, ConfirmEscrow(path, k.recipients, other.identities, "safe", now), new(*WrongKeyError))
	assert.ErrorAs(t, ConfirmEscrow(path, k.recipients, Identities{}, "safe", now), new(*WrongKeyError))
	assert.ErrorContains(t, ConfirmEscrow(path, k.recipients, k.identities, " ", now), "say where")
	assert.ErrorContains(t, ConfirmEscrow(path, Recipients{}, k.identities, "safe", now), "no recipient")
	assert.NoFileExists(t, path)

	require.NoError(t, ConfirmEscrow(path, k.recipients, k.identities, "safe in the office", now))
	e, err = CheckEscrow(path, k.recipients)
	require.NoError(t, err)
	assert.Equal(t, Escrow{Confirmed: true, Recipient: k.recipients.Names()[0], At: now, Where: "safe in the office"}, e)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "SECRET")

	e, err = CheckEscrow(path, other.recipients) // the key was changed since
	require.NoError(t, err)
	assert.Contains(t, e.Warning, "is another one")
	both, err := ParseRecipients(other.recipients.Names()[0] + " " + k.recipients.Names()[0])
	require.NoError(t, err)
	e, err = CheckEscrow(path, both)
	require.NoError(t, err)
	assert.True(t, e.Confirmed)
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	e, err = CheckEscrow(path, k.recipients)
	require.NoError(t, err)
	assert.Contains(t, e.Warning, "not readable")
}
