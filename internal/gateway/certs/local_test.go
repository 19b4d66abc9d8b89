package certs

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheAuthorityOfAFolderStaysTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	first, err := Local(dir, []string{"localhost", "127.0.0.1"}, now)
	require.NoError(t, err)
	assert.True(t, first.NewAuthority)
	assert.True(t, first.NewCert)
	assert.Equal(t, "there was no authority yet", first.Why)
	assert.Empty(t, Check(first.CertPEM, first.KeyPEM, []string{"localhost", "127.0.0.1"}, now))
	for path, mode := range map[string]fs.FileMode{
		first.CA: 0o644, first.Cert: 0o644, first.Key: 0o600, filepath.Join(dir, "ca-key.pem"): 0o600,
	} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode(), path)
	}

	same, err := Local(dir, []string{"127.0.0.1", "LOCALHOST"}, now.Add(24*time.Hour))
	require.NoError(t, err)
	assert.Equal(t, first.CertPEM, same.CertPEM)
	assert.False(t, same.NewAuthority)
	assert.False(t, same.NewCert)
	assert.Empty(t, same.Why)

	more, err := Local(dir, []string{"localhost", "app.test"}, now)
	require.NoError(t, err)
	assert.True(t, more.NewCert)
	assert.False(t, more.NewAuthority)
	assert.Contains(t, more.Why, "wanted is localhost, app.test")

	later, err := Local(dir, []string{"localhost", "app.test"}, now.Add(300*24*time.Hour))
	require.NoError(t, err)
	assert.True(t, later.NewCert)
	assert.Equal(t, first.CAPEM, later.CAPEM)
}

func TestAForeignNameWidensTheAuthorityOnce(t *testing.T) {
	dir := t.TempDir()
	_, err := Local(dir, []string{"localhost"}, now)
	require.NoError(t, err)
	wide, err := Local(dir, []string{"dev.mine.com", "203.0.113.9"}, now)
	require.NoError(t, err)
	assert.True(t, wide.NewAuthority)
	assert.Contains(t, wide.Why, "may not sign for")
	two, err := Local(dir, []string{"dev.other.com"}, now)
	require.NoError(t, err)
	assert.True(t, two.NewAuthority)
	back, err := Local(dir, []string{"dev.mine.com", "203.0.113.9"}, now)
	require.NoError(t, err)
	assert.False(t, back.NewAuthority, "what it could sign, it still can")
	assert.Equal(t, two.CAPEM, back.CAPEM)
	assert.Empty(t, Check(back.CertPEM, back.KeyPEM, []string{"dev.mine.com"}, now))
}

func TestAnEndedAuthorityIsReplaced(t *testing.T) {
	dir := t.TempDir()
	old, err := Local(dir, []string{"localhost"}, now)
	require.NoError(t, err)
	f, err := Local(dir, []string{"localhost"}, now.Add(authorityLife+time.Hour))
	require.NoError(t, err)
	assert.True(t, f.NewAuthority)
	assert.Contains(t, f.Why, "ended on")
	assert.NotEqual(t, old.CAPEM, f.CAPEM)
}

func TestABrokenFolder(t *testing.T) {
	make := func(t *testing.T) (string, LocalFiles) {
		dir := t.TempDir()
		f, err := Local(dir, []string{"localhost"}, now)
		require.NoError(t, err)
		return dir, f
	}
	t.Run("the authority's key is gone", func(t *testing.T) {
		dir, f := make(t)
		require.NoError(t, os.Remove(filepath.Join(dir, "ca-key.pem")))
		_, err := Local(dir, []string{"localhost"}, now)
		assert.ErrorContains(t, err, "put the key back")
		still, err := os.ReadFile(f.CA)
		require.NoError(t, err)
		assert.Equal(t, f.CAPEM, still)
	})
	t.Run("the authority is damaged", func(t *testing.T) {
		dir, f := make(t)
		require.NoError(t, os.WriteFile(f.CA, []byte("x"), 0o644))
		_, err := Local(dir, []string{"localhost"}, now)
		assert.ErrorContains(t, err, "remove both")
	})
	t.Run("killed between the two files of a pair", func(t *testing.T) {
		dir, f := make(t)
		_, keyPEM := somePair(t, "x.test")
		require.NoError(t, os.WriteFile(f.Key, keyPEM, 0o600))
		got, err := Local(dir, []string{"localhost"}, now)
		require.NoError(t, err)
		assert.True(t, got.NewCert)
		assert.Empty(t, Check(got.CertPEM, got.KeyPEM, []string{"localhost"}, now))
	})
	t.Run("killed before the authority was complete", func(t *testing.T) {
		dir, f := make(t)
		require.NoError(t, os.Remove(f.CA))
		got, err := Local(dir, []string{"localhost"}, now)
		require.NoError(t, err)
		assert.True(t, got.NewAuthority)
		assert.True(t, got.NewCert, "the old certificate is another authority's")
	})
	t.Run("no names", func(t *testing.T) {
		_, err := Local(t.TempDir(), nil, now)
		assert.ErrorContains(t, err, "no names")
	})
}

func TestTwoAtOnceGetTheSame(t *testing.T) {
	dir := t.TempDir()
	got := make([]LocalFiles, 8)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			var err error
			got[i], err = Local(dir, []string{"localhost"}, now)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	for _, f := range got {
		assert.Equal(t, got[0].CertPEM, f.CertPEM)
		assert.Equal(t, got[0].CAPEM, f.CAPEM)
	}
}
