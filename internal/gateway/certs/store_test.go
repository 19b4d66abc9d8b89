package certs

import (
	"crypto/tls"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func somePair(t testing.TB, name string) (certPEM, keyPEM []byte) {
	t.Helper()
	certPEM, keyPEM, err := Placeholder([]string{name}, now)
	require.NoError(t, err)
	return certPEM, keyPEM
}

func TestStoreKeepsTheCurrentAndThePreviousPair(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "tls")}
	_, err := s.Current()
	require.ErrorIs(t, err, fs.ErrNotExist)

	var dirs []string
	for _, name := range []string{"a.test", "b.test", "c.test"} {
		p, err := s.Publish(somePair(t, name))
		require.NoError(t, err)
		dirs = append(dirs, p.Dir)
		got, err := s.Current()
		require.NoError(t, err)
		assert.Equal(t, p, got)
		assert.Equal(t, []string{name}, got.Info.Names)
	}
	previous, err := s.Previous()
	require.NoError(t, err)
	assert.Equal(t, dirs[1], previous.Dir)
	assert.NoDirExists(t, dirs[0])

	key, err := os.Stat(filepath.Join(s.Dir, "current", KeyFile))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), key.Mode())
	cert, err := os.Stat(filepath.Join(s.Dir, "current", CertFile))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o644), cert.Mode())
}

func TestStoreRefusesAnothersKey(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	good, err := s.Publish(somePair(t, "a.test"))
	require.NoError(t, err)
	certPEM, _ := somePair(t, "b.test")
	_, keyPEM := somePair(t, "b.test")
	_, err = s.Publish(certPEM, keyPEM)
	require.Error(t, err)
	now, err := s.Current()
	require.NoError(t, err)
	assert.Equal(t, good, now)
}

func TestAFailedPublishLeavesNothing(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(s.Dir, "current", "x"), 0o755)) // no rename replaces a full folder
	_, err := s.Publish(somePair(t, "a.test"))
	require.Error(t, err)
	left, err := os.ReadDir(filepath.Join(s.Dir, "pairs"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestADamagedPairIsNotAMissingOne(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	p, err := s.Publish(somePair(t, "a.test"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(p.Dir, KeyFile)))
	_, err = s.Current()
	assert.ErrorContains(t, err, "damaged")
	assert.NotErrorIs(t, err, fs.ErrNotExist)

	// What a kill left half made goes with the next pair, and the damaged one is replaced.
	half := filepath.Join(s.Dir, "pairs", "abc-123")
	require.NoError(t, os.Mkdir(half, 0o755))
	require.NoError(t, os.Symlink("pairs/abc-123", filepath.Join(s.Dir, ".current-new")))
	_, err = s.Publish(somePair(t, "b.test"))
	require.NoError(t, err)
	assert.NoDirExists(t, half)
	_, err = s.Current()
	require.NoError(t, err)
}

// Readers that never stop reading see a whole pair each time, whatever is published.
func TestNobodyReadsHalfOfTwoPairs(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	_, err := s.Publish(somePair(t, "first.test"))
	require.NoError(t, err)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				p, err := s.Current()
				if !assert.NoError(t, err) {
					return
				}
				_, err = tls.X509KeyPair(p.Cert, p.Key)
				assert.NoError(t, err)
			}
		})
	}
	for range 20 {
		_, err := s.Publish(somePair(t, "next.test"))
		require.NoError(t, err)
	}
	close(stop)
	readers.Wait()
}

func readTest(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}
