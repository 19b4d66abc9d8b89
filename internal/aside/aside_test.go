package aside

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, WriteBytes(path, 0o600, []byte("old")))
	require.NoError(t, WriteBytes(path, 0o644, []byte("new")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o644), info.Mode())
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))
}

func TestAFailureLeavesTheOldAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, WriteBytes(path, 0o600, []byte("old")))
	broken := errors.New("broken off")
	err := Write(path, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, "ne")
		return errors.Join(err, broken)
	})
	require.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, path)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(got))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

func TestNoFolder(t *testing.T) {
	assert.ErrorIs(t, WriteBytes(filepath.Join(t.TempDir(), "none", "file"), 0o600, nil), fs.ErrNotExist)
}
