package flock_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/flock"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestWhoKeepsWhomOut(t *testing.T) {
	for _, c := range []struct {
		has, wants flock.Mode
		gets       bool
	}{
		{flock.Shared, flock.Shared, true},
		{flock.Shared, flock.Exclusive, false},
		{flock.Exclusive, flock.Shared, false},
		{flock.Exclusive, flock.Exclusive, false},
	} {
		dir := t.TempDir()
		a, b := open(t, dir), open(t, dir)
		held, err := flock.Try(a, c.has)
		require.NoError(t, err)
		require.True(t, held)
		held, err = flock.Try(b, c.wants)
		require.NoError(t, err)
		assert.Equal(t, c.gets, held, "%+v", c)
		require.NoError(t, a.Close())
		held, err = flock.Try(b, c.wants)
		require.NoError(t, err)
		assert.True(t, held, "closed: %+v", c)
	}
}

func TestWaitIsOverWhenTheHolderIsGone(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	require.NoError(t, flock.Wait(a, flock.Exclusive))
	done := make(chan error, 1)
	go func() { done <- flock.Wait(b, flock.Exclusive) }()
	select {
	case err := <-done:
		t.Fatal("it did not wait", err)
	case <-time.After(30 * time.Millisecond):
	}
	require.NoError(t, a.Close())
	require.NoError(t, <-done)
}

func TestAClosedFileIsAnError(t *testing.T) {
	f := open(t, t.TempDir())
	require.NoError(t, f.Close())
	held, err := flock.Try(f, flock.Exclusive)
	assert.Error(t, err)
	assert.False(t, held)
	assert.Error(t, flock.Wait(f, flock.Shared))
}
