package alarm

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/notify"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// life is one life of a process with a book; what it told is in told.
func life(t *testing.T, file string, fail *error) (b *Book, told *[]string) {
	t.Helper()
	told = &[]string{}
	return Open(file, func(e notify.Event) error {
		if fail != nil && *fail != nil {
			return *fail
		}
		*told = append(*told, fmt.Sprintf("%s %s", e.Event, e.Kind))
		return nil
	}, slog.New(slog.DiscardHandler)), told
}

func sick(on bool) State {
	return State{Key: "service db", Kind: "db", Event: notify.ServiceFailed, Text: "db is unhealthy", On: on, After: 5 * time.Minute}
}

// What lasts is told once, again each day, and ended, over restarts of the process.
func TestAnAlarmsLife(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alarms.json")
	for _, step := range []struct {
		at   time.Duration
		on   bool
		want []string
	}{
		{0, false, nil},
		{time.Minute, true, nil},
		{3 * time.Minute, false, nil}, // it had not lasted, so nobody hears of its end
		{4 * time.Minute, true, nil},
		{8 * time.Minute, true, nil},
		{9 * time.Minute, true, []string{"service.failed db"}},
		{time.Hour, true, nil},
		{24*time.Hour + 8*time.Minute, true, nil},
		{24*time.Hour + 9*time.Minute, true, []string{"service.failed db"}},
		{25 * time.Hour, false, []string{"service.recovered db"}},
		{26 * time.Hour, false, nil},
	} {
		b, told := life(t, file, nil)
		require.NoError(t, b.Look(sick(step.on), noon.Add(step.at)))
		assert.Equal(t, step.want, append([]string(nil), *told...), step.at)
	}
}

// What could not be told is not noted as told: the next look tries again, the end included.
func TestWhatCouldNotBeToldIsToldLater(t *testing.T) {
	file, away := filepath.Join(t.TempDir(), "alarms.json"), errors.New("no way")
	failing := away
	b, told := life(t, file, &failing)
	a := sick(true)
	a.After = 0
	require.ErrorIs(t, b.Look(a, noon), away)
	assert.False(t, b.Told(a.Key))
	failing = nil
	require.NoError(t, b.Look(a, noon.Add(time.Minute)))
	assert.True(t, b.Told(a.Key))
	failing = away
	require.ErrorIs(t, b.Look(sick(false), noon.Add(time.Hour)), away)
	failing = nil
	require.NoError(t, b.KeepOnly(nil, noon.Add(2*time.Hour)))
	assert.Equal(t, []string{"service.failed db", "service.recovered db"}, *told)
	assert.False(t, b.Told(a.Key))
}

// A file that an earlier version wrote, without the time that an alarm was first seen, counts.
func TestAnOldFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alarms.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"archive":{"at":"2026-03-01T11:00:00Z","kind":"archive","event":"archive.late"}}`), 0o600))
	b, told := life(t, file, nil)
	require.NoError(t, b.Look(State{Key: "archive", Kind: "archive", Event: notify.ArchiveLate, On: true}, noon))
	require.NoError(t, b.Look(State{Key: "archive"}, noon))
	assert.Equal(t, []string{"archive.recovered archive"}, *told)
}

// Each alarm that begins has a message that ends it.
func TestEveryAlarmCanEnd(t *testing.T) {
	for begin, end := range over {
		assert.NotEmpty(t, end, begin)
		assert.NotEqual(t, begin, end)
	}
}
