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

// pair is a certificate that ends then, and its key.
func pair(t *testing.T, end time.Time) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.Add(-time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// nginx hears of a certificate only when it changed, and again when it could not take it.
func TestGivenFilesAreWatched(t *testing.T) {
	dir := t.TempDir()
	c := &certificateFiles{cert: filepath.Join(dir, "cert"), key: filepath.Join(dir, "key"), every: time.Millisecond}
	ready, err := c.Prepare(t.Context())
	assert.False(t, ready)
	assert.ErrorContains(t, err, "reading the certificate")

	end := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	cert, key := pair(t, end)
	_, otherKey := pair(t, end)
	require.NoError(t, os.WriteFile(c.cert, cert, 0o600))
	require.NoError(t, os.WriteFile(c.key, otherKey, 0o600))
	ready, err = c.Prepare(t.Context())
	assert.False(t, ready, "nginx would not start with a key that is another's")
	assert.ErrorContains(t, err, "does not match")
	require.NoError(t, os.WriteFile(c.key, key, 0o600))
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
	require.NoError(t, aside.WriteBytes(c.cert, 0o600, append(cert, cert...)))
	assert.Equal(t, 1, <-changes)
	assert.Equal(t, 2, <-changes)
	require.NoError(t, aside.WriteBytes(c.key, 0o600, otherKey)) // the first of two is replaced
	select {
	case <-changes:
		t.Fatal("half a new pair is no change")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	require.NoError(t, <-ended)
}
