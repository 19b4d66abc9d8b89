package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/alarm"
	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
	"drydock/internal/notify"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// watcherOn is a watcher on a repository; each call is another life of the service.
func watcherOn(t *testing.T, root string, repos ...string) (w *watcher, told *[]string) {
	t.Helper()
	s, err := store.Open(root, store.Options{})
	require.NoError(t, err)
	told = &[]string{}
	service := &Service{Store: s, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	for _, r := range repos {
		service.Config.Physical.Repos = append(service.Config.Physical.Repos, physical.Repo{Name: r})
	}
	return newWatcher(service, func(e notify.Event) { *told = append(*told, fmt.Sprintf("%s %s", e.Event, e.Kind)) }), told
}

// late is the archive with log that waits since a time.
func late(on bool) alarm.State {
	return alarm.State{Key: keyLate, Kind: keyLate, Event: notify.ArchiveLate, Text: "late", On: on}
}

func TestAnAlarmIsEndedAfterARestart(t *testing.T) {
	root := t.TempDir()
	w, told := watcherOn(t, root, "local", "s3")
	require.NoError(t, w.told.Look(late(false), noon))
	require.NoError(t, w.told.Look(late(true), noon))
	require.NoError(t, w.told.Look(late(true), noon.Add(time.Hour)))
	require.NoError(t, w.told.Look(alarm.State{Key: passKey("s3"), Kind: passKey("s3"), Event: notify.ArchiveLate, On: true}, noon))
	assert.Equal(t, []string{"archive.late archive", "archive.late archive-s3"}, *told, "once")

	// The service is restarted twice; it is still late, and then no more.
	w, told = watcherOn(t, root, "local", "s3")
	require.NoError(t, w.told.KeepOnly(w.kinds(), noon))
	require.NoError(t, w.told.Look(late(true), noon.Add(2*time.Hour)))
	assert.Empty(t, *told, "told already")
	w, told = watcherOn(t, root, "local", "s3")
	require.NoError(t, w.told.Look(late(true), noon.Add(25*time.Hour)))
	require.NoError(t, w.told.Look(late(false), noon.Add(26*time.Hour)))
	require.NoError(t, w.told.Look(late(false), noon.Add(26*time.Hour)))
	assert.Equal(t, []string{"archive.late archive", "archive.recovered archive"}, *told, "a reminder, and the end once")

	// Without the second repository nothing of it can be late.
	w, told = watcherOn(t, root, "local")
	require.NoError(t, w.told.KeepOnly(w.kinds(), noon))
	assert.Equal(t, []string{"archive.recovered archive-s3"}, *told)
	_, told = watcherOn(t, root)
	assert.Empty(t, *told)
}

func TestWhatWasToldIsLost(t *testing.T) {
	root := t.TempDir()
	for _, text := range []string{"{", "null", "[]"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "alarms.json"), []byte(text), 0o600))
		w, told := watcherOn(t, root, "local")
		require.NoError(t, w.told.Look(late(true), noon))
		assert.Len(t, *told, 1, text)
	}
	// A disk that is full keeps nobody from being told.
	w, told := watcherOn(t, root, "local")
	var said bytes.Buffer
	w.s.Log = slog.New(slog.NewTextHandler(&said, nil))
	w.told = w.s.book(filepath.Join(root, "none", "alarms.json"), func(e notify.Event) { *told = append(*told, fmt.Sprintf("%s %s", e.Event, e.Kind)) })
	require.NoError(t, w.told.Look(late(false), noon))
	require.NoError(t, w.told.Look(late(true), noon))
	assert.Equal(t, []string{"archive.late archive"}, *told)
	assert.Contains(t, said.String(), "cannot be written down")
}

// A missing backup is told when that lasts, and its end is told as well, whoever made it.
func TestTheEndOfAMissingBackupIsTold(t *testing.T) {
	root := t.TempDir()
	w, told := watcherOn(t, root, "local")
	fail := func(after time.Duration) {
		w.notThere("local", store.LevelFull, errors.New("no room").Error(), noon.Add(after))
	}
	fail(0)
	fail(time.Minute)
	w.there("local", noon.Add(2*time.Minute))
	assert.Empty(t, *told, "the database was just starting")
	for m := range 10 {
		fail(time.Duration(m) * time.Minute)
	}
	assert.Equal(t, []string{"backup.failed full"}, *told)

	w, told = watcherOn(t, root, "local")
	made := publishCopy(t, w.s.Store, "local", store.LevelFull)
	assert.True(t, hasCopy(made, "local"))
	w.missing(t.Context(), physical.Backlog{}, nil, noon)
	w.missing(t.Context(), physical.Backlog{}, nil, noon)
	assert.Equal(t, []string{"backup.recovered full"}, *told)
}

// publishCopy records a physical backup, as the service does, and lists what there is.
func publishCopy(t *testing.T, s *store.Store, repository, level string) []store.Backup {
	t.Helper()
	w, err := s.Begin(t.Context(), store.Spec{Kind: store.KindPhysical, Repository: repository, Level: level, Zone: "UTC", External: true, Holder: "test"})
	require.NoError(t, err)
	_, err = w.Commit(t.Context(), store.Done{Details: []byte(`{"label":"x"}`), Verify: func(context.Context, string, []store.File) error { return nil }})
	require.NoError(t, err)
	list, err := s.List()
	require.NoError(t, err)
	return list
}

func TestWhatOthersMadeIsFound(t *testing.T) {
	at := func(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }
	bad := &store.Damage{Reason: "bits"}
	b := func(id, kind, of, level string, h int, damaged *store.Damage) store.Backup {
		one := store.Backup{}
		one.Verified = &noon
		one.ID, one.Kind, one.Level, one.Finished, one.Damaged = id, kind, level, at(h), damaged
		if kind == store.KindDump {
			one.Database = of
		} else {
			one.Repository = of
		}
		return one
	}
	list := []store.Backup{
		b("1", store.KindDump, "shop", store.LevelFull, 1, nil), b("2", store.KindDump, "other", store.LevelFull, 2, nil), b("3", store.KindDump, "shop", store.LevelFull, 3, bad),
		b("4", store.KindPhysical, "local", store.LevelFull, 4, nil), b("5", store.KindPhysical, "s3", store.LevelFull, 5, nil),
		b("6", store.KindPhysical, "local", store.LevelIncremental, 6, nil), b("7", store.KindPhysical, "local", store.LevelFull, 7, bad),
	}
	got, ok := newestDump(list, "shop")
	assert.True(t, ok)
	assert.Equal(t, "1", got.ID)
	_, ok = newestDump(list, "none")
	assert.False(t, ok)
	local, s3 := physical.Repo{Name: "local"}, physical.Repo{Name: "s3"}
	for _, c := range []struct {
		level string
		repos []physical.Repo
		want  string
	}{
		{store.LevelFull, []physical.Repo{local}, "4"},
		{store.LevelIncremental, []physical.Repo{local}, "6"},
		{store.LevelDifferential, []physical.Repo{local}, "4"},
		{store.LevelIncremental, []physical.Repo{local, s3}, "5"}, // a run makes one in each
		{store.LevelFull, []physical.Repo{local, {Name: "none"}}, ""},
		{store.LevelFull, nil, ""},
	} {
		got, ok := newestCopies(list, c.level, c.repos)
		assert.Equal(t, c.want, got.ID, c)
		assert.Equal(t, c.want != "", ok)
	}
}
