package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A backup that comes back on a new machine is what it was, or is not there.
func TestABackupComesBackAsWhatItWas(t *testing.T) {
	lost := open(t)
	put(t, lost, "other")
	was := put(t, lost, "app")
	s, err := Open(memory(t), Options{Now: func() time.Time { return noon.Add(48 * time.Hour) }})
	require.NoError(t, err)
	begin := func(r Record) (*Writer, error) {
		return s.Begin(t.Context(), Spec{Kind: r.Kind, Database: r.Database, Original: &r, Holder: "backup:fetch"})
	}
	w, err := begin(was.Record)
	require.NoError(t, err)
	fill(t, w, "somebody else")
	_, err = w.Commit(t.Context(), Done{Verify: good})
	require.ErrorContains(t, err, "not those of its record")
	assert.Empty(t, listed(t, s))

	w, err = begin(was.Record)
	require.NoError(t, err)
	fill(t, w, "app")
	b, err := w.Commit(t.Context(), Done{Verify: good, Tools: was.Tools, Details: was.Details})
	require.NoError(t, err)
	want := was.Record
	want.Verified, want.OnDisk = b.Verified, b.OnDisk // it was looked at again, on another disk
	assert.Equal(t, want, b.Record)
	assert.Equal(t, []string{was.ID}, listed(t, s))

	_, err = begin(was.Record)
	require.ErrorContains(t, err, "is here already")
	bad := was.Record
	bad.ID = "../../etc"
	_, err = begin(bad)
	require.ErrorContains(t, err, "no id")
	assert.Greater(t, Sequence(put(t, s, "app").ID), Sequence(was.ID), "what is made next comes after it")
}
