package training

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/store"
	"drydock/internal/env"
	"drydock/internal/run"
)

// desk answers from functions; what a test does not give must not be called.
type desk struct {
	Desk
	ready  error
	sql    func(query string) string
	dumps  []store.Backup
	upped  int
	shells []string
	backup func(words []string) error
}

func (d *desk) Backends(context.Context) ([]string, error) { return []string{"c1"}, nil }
func (d *desk) Ready(context.Context) error                { return d.ready }
func (d *desk) Close() error                               { return nil }
func (d *desk) Up(context.Context) error                   { d.upped++; return nil }
func (d *desk) Tidy(context.Context, time.Time) error      { return nil }
func (d *desk) SQL(_ context.Context, q string) (string, error) {
	if strings.Contains(q, "pg_database") {
		return "app\npostgres", nil
	}
	return d.sql(q), nil
}

func (d *desk) Shell(_ context.Context, service, script string) (string, error) {
	d.shells = append(d.shells, service+": "+script)
	return "", nil
}

func (d *desk) Backup(_ context.Context, words ...string) (string, error) {
	if words[0] == "list" {
		text, err := json.Marshal(map[string]any{"backups": d.dumps})
		return string(text), err
	}
	return "", d.backup(words)
}

// lab is a checkout with one exercise: a thing that is broken, or not.
type lab struct {
	*Training
	desk     *desk
	out      bytes.Buffer
	broken   bool
	exercise Exercise
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{desk: &desk{}}
	l.exercise = Exercise{
		Name: "thing", Story: "It is broken.", Hint: "Look at the thing.",
		harm: func(context.Context, *scene) error { l.broken = true; return nil },
		check: func(context.Context, *scene) ([]string, error) {
			if l.broken {
				return []string{"the thing does nothing"}, nil
			}
			return nil, nil
		},
		undo: func(context.Context, *scene) error { l.broken = false; return nil },
	}
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	l.Training = &Training{
		Settings: &env.Settings{Root: t.TempDir(), Env: "dev", Project: "shop"}, Out: &l.out, Err: &l.out,
		Open:      func(context.Context) (Desk, error) { return l.desk, nil },
		exercises: []Exercise{},
		now:       func() time.Time { at = at.Add(30 * time.Second); return at },
	}
	return l
}

func (l *lab) start(ctx context.Context) error {
	l.exercises = []Exercise{l.exercise}
	return l.Start(ctx, "thing")
}

func (l *lab) left(t *testing.T) bool {
	t.Helper()
	s, err := readState(l.Settings.Root)
	require.NoError(t, err)
	return s != nil
}

func TestAnExerciseFromStartToEnd(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.start(t.Context()))
	assert.Contains(t, l.out.String(), "It is broken.")

	l.out.Reset()
	err := l.Check(t.Context())
	require.ErrorIs(t, err, errNotFixed)
	assert.Equal(t, run.CodeFailure, run.Code(err))
	assert.Equal(t, "thing: the thing does nothing\n", l.out.String())

	l.out.Reset()
	require.NoError(t, l.Hint())
	assert.Contains(t, l.out.String(), "Look at the thing.")

	err = l.Start(t.Context(), "thing")
	require.ErrorContains(t, err, "drill:stop")
	assert.Equal(t, run.CodeBusy, run.Code(err))

	l.broken = false
	l.Settings.Options.Format = "json"
	l.out.Reset()
	require.NoError(t, l.Check(t.Context()))
	_, answer, _ := strings.Cut(l.out.String(), "{")
	assert.JSONEq(t, `{"exercise": "thing", "fixed": true, "symptoms": [], "seconds": 60}`, "{"+answer)
	assert.False(t, l.left(t))
	err = l.Check(t.Context())
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}

func TestStopUndoes(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.start(t.Context()))
	require.NoError(t, l.Stop(t.Context()))
	assert.False(t, l.broken)
	assert.False(t, l.left(t))
	assert.Equal(t, 1, l.desk.upped)
}

// A failed undo can be tried again: the exercise is not forgotten.
func TestAFailedStopIsTriedAgain(t *testing.T) {
	l := newLab(t)
	undo, fail := l.exercise.undo, true
	l.exercise.undo = func(ctx context.Context, s *scene) error {
		if fail {
			return errors.New("the disk is full")
		}
		return undo(ctx, s)
	}
	require.NoError(t, l.start(t.Context()))
	require.ErrorContains(t, l.Stop(t.Context()), "drill:stop")
	assert.True(t, l.left(t))
	fail = false
	require.NoError(t, l.Stop(t.Context()))
	assert.False(t, l.left(t))
}

// Interrupted, or with nothing to be seen of it: all is put right at once.
func TestAStartThatFailsLeavesNothing(t *testing.T) {
	for name, harm := range map[string]func(*lab, context.CancelFunc) error{
		"interrupted": func(l *lab, cancel context.CancelFunc) error { l.broken = true; cancel(); return nil },
		"failed":      func(l *lab, _ context.CancelFunc) error { l.broken = true; return errors.New("no") },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			l.exercise.harm = func(context.Context, *scene) error { return harm(l, cancel) }
			require.Error(t, l.start(ctx))
			assert.False(t, l.broken)
			assert.False(t, l.left(t))
		})
	}
}

// Killed before the end of its start: what is on disk is enough to undo it.
func TestAKilledStart(t *testing.T) {
	l := newLab(t)
	l.exercises = []Exercise{l.exercise}
	require.NoError(t, (&state{Exercise: "thing", Project: "shop", Begun: l.clock()}).write(l.Settings.Root))
	l.broken = true
	err := l.Start(t.Context(), "thing")
	require.ErrorContains(t, err, "cut off")
	require.ErrorContains(t, l.Check(t.Context()), "drill:stop")
	require.NoError(t, l.Stop(t.Context()))
	assert.False(t, l.broken)
	assert.False(t, l.left(t))
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*lab)
		want   string
		code   int
	}{
		"another environment": {func(l *lab) { l.Settings.Env = "prod" }, "ENV is prod", run.CodeBadInput},
		"the stack is not up": {func(l *lab) { l.desk.ready = run.WithCode(run.CodeMissing, errors.New("start it")) }, "start it", run.CodeMissing},
		"no such exercise":    {func(l *lab) { l.exercise.Name = "other" }, "there are: other", run.CodeBadInput},
		"a file that is not ours": {func(l *lab) {
			path := filepath.Join(l.Settings.Root, ".drydock")
			_ = os.MkdirAll(path, 0o755)
			_ = os.WriteFile(filepath.Join(path, "training.json"), []byte("{"), 0o644)
		}, "training.json", run.CodeFailure},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			c.change(l)
			err := l.start(t.Context())
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, c.code, run.Code(err))
			assert.False(t, l.broken)
		})
	}
	require.NoError(t, Refuse(""))
	require.Error(t, Refuse("staging"))
	l := newLab(t)
	require.NoError(t, l.start(t.Context()))
	l.Settings.Project = "another"
	require.ErrorContains(t, l.Stop(t.Context()), "PROJECT")
}

func TestList(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.start(t.Context()))
	l.out.Reset()
	require.NoError(t, l.List())
	assert.Equal(t, "thing (runs)  It is broken.\n", l.out.String())
}
