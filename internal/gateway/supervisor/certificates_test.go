package supervisor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/aside"
)

func certificate(t *testing.T, end time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.Add(-time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// nginx hears of a certificate only when it changed, and again when it could not take it.
func TestGivenFilesAreWatched(t *testing.T) {
	dir := t.TempDir()
	c := &certificateFiles{cert: filepath.Join(dir, "cert"), key: filepath.Join(dir, "key"), every: time.Millisecond}
	ready, err := c.Prepare(t.Context())
	assert.False(t, ready)
	assert.ErrorContains(t, err, "reading the certificate")

	end := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, os.WriteFile(c.cert, certificate(t, end), 0o600))
	require.NoError(t, os.WriteFile(c.key, []byte("key"), 0o600))
	ready, err = c.Prepare(t.Context())
	require.NoError(t, err)
	assert.True(t, ready)
	got, err := expiry(c.cert)
	require.NoError(t, err)
	assert.Equal(t, end, got)
	_, err = expiry(c.key)
	assert.ErrorContains(t, err, "does not begin with a certificate")

	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan int, 100)
	n := 0
	ended := make(chan error, 1)
	go func() {
		ended <- c.Run(ctx, func(context.Context) error {
			n++
			changes <- n
			if n == 1 {
				return errors.New("nginx refused it")
			}
			return nil
		})
	}()
	select {
	case <-changes:
		t.Fatal("nothing changed")
	case <-time.After(50 * time.Millisecond):
	}
	require.NoError(t, aside.WriteBytes(c.key, 0o600, []byte("another key")))
	assert.Equal(t, 1, <-changes)
	assert.Equal(t, 2, <-changes)
	require.NoError(t, os.Remove(c.cert)) // it is being replaced
	select {
	case <-changes:
		t.Fatal("half a pair is no change")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	require.NoError(t, <-ended)
}
