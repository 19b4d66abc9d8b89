package retain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/store"
)

// A real repository, in memory where the system has a folder there.
func repository(t *testing.T, clock *time.Time) *store.Store {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "drydock-retain-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	s, err := store.Open(dir, store.Options{Now: func() time.Time { return *clock }})
	require.NoError(t, err)
	return s
}

func backup(t *testing.T, s *store.Store, spec store.Spec, fail error) string {
	t.Helper()
	spec.External = spec.Kind == store.KindPhysical
	w, err := s.Begin(t.Context(), spec)
	require.NoError(t, err)
	if fail != nil {
		require.NoError(t, w.Abort(fail))
		return ""
	}
	if !spec.External {
		require.NoError(t, os.WriteFile(filepath.Join(w.Dir(), "dump"), []byte(spec.Database), 0o600))
	}
	b, err := w.Commit(t.Context(), store.Done{Verify: func(context.Context, string, []store.File) error { return nil }, Size: 1})
	require.NoError(t, err)
	return b.ID
}

// prune is what the command does: look, plan, remove.
func prune(t *testing.T, s *store.Store, policy Policy, now time.Time) Outcome {
	t.Helper()
	backups, err := s.List()
	require.NoError(t, err)
	failures, err := s.Failures()
	require.NoError(t, err)
	running, err := s.Running()
	require.NoError(t, err)
	plan := Plan(FromStore(backups, failures, running), policy, now)
	_, err = Apply(t.Context(), plan, func(ctx context.Context, b Backup) error { return s.Remove(ctx, b.ID) })
	require.NoError(t, err)
	return plan
}

func left(t *testing.T, s *store.Store) []string {
	t.Helper()
	all, err := s.List()
	require.NoError(t, err)
	ids := []string{}
	for _, b := range all {
		ids = append(ids, b.ID)
	}
	return ids
}

// A repository with two databases, a chain, a proof, damage, and a source that fails for
// longer than anything is kept, under a clock that steps.
func TestARepositoryIsPruned(t *testing.T) {
	clock := now
	s := repository(t, &clock)
	policy := utc(Policy{Last: 2})
	dump := func(db string) string {
		clock = clock.Add(time.Hour)
		return backup(t, s, store.Spec{Kind: store.KindDump, Database: db}, nil)
	}
	first := dump("app")
	dump("app")
	dump("app")
	other := dump("app/2")
	require.NoError(t, s.MarkProven(t.Context(), first, store.Proof{Drill: "1"}))
	fourth := dump("app")
	full := backup(t, s, store.Spec{Kind: store.KindPhysical}, nil)
	incr := backup(t, s, store.Spec{Kind: store.KindPhysical, Level: store.LevelIncremental, Parent: full}, nil)

	clock = clock.AddDate(-40, 0, 0) // the battery died
	for range 5 {
		backup(t, s, store.Spec{Kind: store.KindDump, Database: "app"}, errors.New("connection refused"))
		plan := prune(t, s, policy, clock)
		require.Empty(t, plan.Remove)
		require.Len(t, plan.Refused, 1)
	}
	fifth := dump("app")
	prune(t, s, policy, clock)
	assert.Len(t, left(t, s), 8, "all but one are dated later than now")
	clock = clock.AddDate(40, 0, 0)
	prune(t, s, policy, clock)
	assert.Equal(t, []string{first, other, fourth, full, incr, fifth}, left(t, s))

	require.NoError(t, s.MarkDamaged(t.Context(), fourth, "verify", "a byte"))
	sixth := dump("app")
	prune(t, s, policy, clock)
	assert.Equal(t, []string{first, other, fourth, full, incr, fifth, sixth}, left(t, s), "the damaged one takes no place")
	require.Empty(t, prune(t, s, policy, clock).Remove)
}
