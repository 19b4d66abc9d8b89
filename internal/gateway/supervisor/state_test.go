package supervisor

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/render"
)

func quiet(t *testing.T) (*slog.Logger, *strings.Builder) {
	t.Helper()
	var b strings.Builder
	return slog.New(slog.NewJSONHandler(&b, nil)), &b
}

func TestStateIsWrittenAndRead(t *testing.T) {
	dir := t.TempDir()
	log, said := quiet(t)
	s := NewStore(dir, log)
	assert.Equal(t, State{Active: render.Green, Assumed: true}, s.Load(render.Green), "without a state the first colour is assumed")
	want := State{Active: render.Blue, Canary: 7, Generation: 12, Changed: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Pushed: &Pushed{SHA256: strings.Repeat("ab", 32), Image: "i", At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	require.NoError(t, s.Save(want))
	assert.Equal(t, want, s.Load(render.Green))
	assert.Empty(t, said.String())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left beside it")
}

func TestDamagedStateIsPutAside(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "cut": `{"active": "gr`, "no colour": `{}`, "other colour": `{"active":"red"}`,
		"canary": `{"active":"blue","canary_percent":100}`, "path": `{"active":"blue","pushed":{"sha256":"../../etc"}}`,
		"generation": `{"active":"blue","generation":-1}`, "type": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "state.json")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			log, said := quiet(t)
			assert.Equal(t, State{Active: render.Green, Assumed: true}, NewStore(dir, log).Load(render.Green))
			assert.Contains(t, said.String(), "the state cannot be read")
			kept, err := filepath.Glob(file + ".damaged-*")
			require.NoError(t, err)
			require.Len(t, kept, 1)
			content, err := os.ReadFile(kept[0])
			require.NoError(t, err)
			assert.Equal(t, text, string(content))
			assert.NoFileExists(t, file)
		})
	}
}

func TestStateWithoutVolume(t *testing.T) {
	log, said := quiet(t)
	s := NewStore(filepath.Join(t.TempDir(), "missing"), log)
	assert.False(t, s.Persistent())
	require.NoError(t, s.Save(State{Active: render.Blue}))
	require.NoError(t, s.Save(State{Active: render.Blue}))
	assert.Equal(t, 1, strings.Count(said.String(), "in memory only"), "said once")
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"active":"blue","canary_percent":3,"pushed":null,"generation":4}`))
	f.Add([]byte(`{"active":"green","pushed":{"sha256":"x"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		st, err := parseState(text)
		if err != nil {
			return
		}
		require.True(t, st.Active.Valid())
		if st.Pushed != nil {
			require.True(t, filepath.IsLocal(st.Pushed.SHA256))
		}
		again, err := json.Marshal(st)
		if err != nil {
			return // a year that JSON cannot write
		}
		second, err := parseState(again)
		require.NoError(t, err)
		require.Equal(t, st.Active, second.Active)
	})
}

func TestSettings(t *testing.T) {
	env := map[string]string{"MAX_OLD_WORKERS": "3", "STOP_TIMEOUT": "1m", "RELOAD_WATCH": "0s", "WORKERS": "2"}
	s, err := FromEnviron(func(k string) string { return env[k] })
	require.NoError(t, err)
	assert.Equal(t, 3, s.MaxOldWorkers)
	assert.Equal(t, time.Minute, s.StopTimeout)
	assert.Zero(t, s.Watch)
	assert.Equal(t, 2, s.Values.Workers)
	s, err = FromEnviron(func(string) string { return "" })
	require.NoError(t, err)
	assert.Equal(t, []any{8, 25 * time.Second, 2 * time.Second}, []any{s.MaxOldWorkers, s.StopTimeout, s.Watch})
	assert.Positive(t, s.Values.Workers)

	env = map[string]string{"MAX_OLD_WORKERS": "many", "STOP_TIMEOUT": "5", "RELOAD_WATCH": "-1s", "APP_ENV": "staging", "WORKERS": "-1"}
	_, err = FromEnviron(func(k string) string { return env[k] })
	require.Error(t, err)
	for name := range env {
		assert.ErrorContains(t, err, name, "all problems at once")
	}
	assert.Equal(t, CodeUsage, Code(err))
}
