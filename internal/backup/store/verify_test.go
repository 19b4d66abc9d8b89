package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every fault of every file is named; pgbackrest 2723 is the folder that is gone.
func TestVerifyNamesEachFault(t *testing.T) {
	edit := func(file string, change func([]byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, file)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, change(text), 0o600))
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	remove := func(file string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(filepath.Join(dir, file))) }
	}
	for name, c := range map[string]struct {
		do   func(t *testing.T, dir string)
		want string
	}{
		"byte flipped in toc":     {edit("files/dump/toc.dat", flip), "dump/toc.dat was changed"},
		"byte flipped in globals": {edit("files/globals.sql", flip), "globals.sql was changed"},
		"cut off":                 {edit("files/globals.sql", func(b []byte) []byte { return b[:3] }), "globals.sql was cut off: 3 of 14 bytes"},
		"emptied":                 {edit("files/globals.sql", func([]byte) []byte { return nil }), "globals.sql was cut off: 0 of"},
		"grown":                   {edit("files/globals.sql", func(b []byte) []byte { return append(b, b...) }), "globals.sql grew"},
		"file removed":            {remove("files/dump/toc.dat"), "dump/toc.dat is missing"},
		"files removed":           {remove("files"), "globals.sql is missing"},
		"file added": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "files", "more"), nil, 0o600))
		}, "more was added"},
		"record edited": {edit(recordFile, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"app"`), []byte(`"apq"`), 1)
		}), "does not have its own checksum"},
		"record cut off":  {edit(recordFile, func(b []byte) []byte { return b[:len(b)/2] }), "is not readable"},
		"record emptied":  {edit(recordFile, func([]byte) []byte { return nil }), "is not readable"},
		"record removed":  {remove(recordFile), recordFile},
		"folder removed":  {remove("."), "its folder is gone, and Drydock did not remove it"},
		"record of other": {nil, "folders were exchanged or renamed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			other, b := put(t, s, "other"), put(t, s, "app")
			dir := s.path(backupsDir, b.ID)
			if c.do == nil {
				text, err := os.ReadFile(s.path(backupsDir, other.ID, recordFile))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, recordFile), text, 0o600))
			} else if name == "folder removed" {
				require.NoError(t, os.RemoveAll(dir))
			} else {
				c.do(t, dir)
			}
			reports, err := s.VerifyAll(t.Context())
			require.NoError(t, err)
			require.Len(t, reports, 2)
			assert.True(t, reports[0].OK(), "%v", reports[0].Problems)
			assert.Contains(t, strings.Join(reports[1].Problems, "; "), c.want)

			got, err := s.Get(b.ID)
			require.NoError(t, err)
			assert.False(t, got.Good(), "it is in quarantine, and still listed")
			assert.Equal(t, "app", got.Database, "the copy in the index knows what it was")
			assert.Equal(t, []string{other.ID, b.ID}, listed(t, s))
			require.NoError(t, s.Remove(t.Context(), b.ID), "a person may remove it")
			assert.Equal(t, []string{other.ID}, listed(t, s))
		})
	}
}

// An edited record with a right checksum is still not the one that was published.
func TestAForgedRecordIsSeen(t *testing.T) {
	s := open(t)
	b := put(t, s, "app")
	forged := b.Record
	forged.Size++
	require.NoError(t, writeEnvelope(s.path(backupsDir, b.ID, recordFile), forged))
	r, err := s.Verify(t.Context(), b.ID)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(r.Problems, ""), "not the one that was published")
}

func TestARecordOfANewerProgram(t *testing.T) {
	s := open(t)
	b := put(t, s, "app")
	b.Format = recordFormat + 1
	require.NoError(t, writeEnvelope(s.path(backupsDir, b.ID, recordFile), b.Record))
	got, err := s.Get(b.ID)
	require.NoError(t, err)
	assert.Contains(t, got.Damaged.Reason, "newer Drydock")
}

func TestVerifyIsCanceled(t *testing.T) {
	s := open(t)
	put(t, s, "app")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.VerifyAll(ctx)
	assert.ErrorIs(t, err, context.Canceled)
	all, err := s.List()
	require.NoError(t, err)
	assert.True(t, all[0].Good(), "what was not read is not damaged")
}

func FuzzReadEnvelope(f *testing.F) {
	path := filepath.Join(f.TempDir(), recordFile)
	require.NoError(f, writeEnvelope(path, Record{Format: 1, ID: "000001-20260131T120000Z-abcdef", Database: "<&\u2028>"}))
	text, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"record":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), recordFile)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		r, err := readRecord(path, "000001-20260131T120000Z-abcdef")
		if err == nil && r.ID != "000001-20260131T120000Z-abcdef" {
			t.Fatalf("accepted %q", text)
		}
	})
}
