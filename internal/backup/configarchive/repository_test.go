package configarchive

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/store"
)

// An archive goes through the repository as every backup does: written aside, verified
// before it is published, seen when a byte of it changes, and read back from there.
func TestThroughTheRepository(t *testing.T) {
	k := newKeys(t)
	s, err := store.Open(memory(t), store.Options{})
	require.NoError(t, err)
	const name = "config.tar.zst"
	verify := func(ctx context.Context, dir string, _ []store.File) error {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = Verify(ctx, f, k.sign.Public())
		return err
	}
	put := func(change func([]byte) []byte) (store.Backup, error) {
		w, err := s.Begin(t.Context(), store.Spec{Kind: store.KindConfig})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(w.Dir(), name), change(archive(t, input(), k.options())), 0o600))
		return w.Commit(t.Context(), store.Done{Verify: verify})
	}
	_, err = put(func(b []byte) []byte { return b[:len(b)-1] })
	require.ErrorContains(t, err, "cut off")
	b, err := put(func(b []byte) []byte { return b })
	require.NoError(t, err)

	use, err := s.Use(b.ID)
	require.NoError(t, err)
	f, err := os.Open(filepath.Join(use.Dir, name))
	require.NoError(t, err)
	_, err = Read(t.Context(), f, filepath.Join(memory(t), "back"), ReadOptions{Trusted: []PublicKey{k.sign.Public()}, Identities: k.identities})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	path := filepath.Join(use.Dir, name)
	require.NoError(t, use.Close())

	// Also a bit that the compression does not need.
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text[4] ^= 1 << 4
	require.NoError(t, os.WriteFile(path, text, 0o600))
	_, err = s.VerifyAll(t.Context())
	require.NoError(t, err)
	b, err = s.Get(b.ID)
	require.NoError(t, err)
	assert.Equal(t, name+" was changed: its sha256 is not the recorded one", b.Damaged.Reason)
}
