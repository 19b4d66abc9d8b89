//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/remote"
	"drydock/internal/drill"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// testBackups goes the whole way through the product's own commands: a dump, what came
// after it, the restore beside the live database and in its place, and the faults.
func testBackups(t *testing.T, r *running) {
	b := backups{t, r}
	b.note("before the dump")
	id := strings.TrimSpace(b.must("dump", env.Options{}))
	b.note("after the dump")

	text := b.must("restore", env.Options{Backup: id})
	assert.Contains(t, text, "compare", "the result was compared with the manifest")
	_, name, found := strings.Cut(text, `restored into the database "`)
	require.True(t, found, text)
	name, _, _ = strings.Cut(name, `"`)
	assert.Equal(t, "1", b.sql(name, "SELECT count(*) FROM notes WHERE title = 'before the dump'"))
	assert.Equal(t, "0", b.sql(name, "SELECT count(*) FROM notes WHERE title = 'after the dump'"))

	// In its place: the board is as it was then, and the database of before is kept.
	text = b.must("restore", env.Options{Backup: id, Database: r.Settings.Database.Name, Replace: true})
	assert.Contains(t, text, "the one that was there is")
	require.Eventually(t, func() bool {
		list := b.board()
		return strings.Contains(list, "before the dump") && !strings.Contains(list, "after the dump")
	}, 30*time.Second, 200*time.Millisecond, "the board is as it was when the dump was made")

	// A drill restores it beside everything, and it counts as proven then.
	var evidence, narration bytes.Buffer
	settings := *r.Settings
	settings.Options = env.Options{Backup: id}
	exercise := &drill.Drill{Settings: &settings, Engine: r.Engine, Out: &evidence, Err: &narration, Labels: r.Labels}
	require.NoError(t, exercise.Run(t.Context()), "%s\n%s", &evidence, &narration)
	assert.Contains(t, evidence.String(), "PASSED")
	assert.Contains(t, evidence.String(), "ok    the backend is ready on it")
	assert.Contains(t, b.must("list", env.Options{}), "proven")
	left, err := r.Engine.Containers(t.Context(), engine.Filter{Labels: map[string]string{stack.LabelProject: r.Settings.Project + "-drill"}})
	require.NoError(t, err)
	assert.Empty(t, left, "the scratch stack is gone")

	// A flipped byte is seen, and what is damaged is not restored.
	second := strings.TrimSpace(b.must("dump", env.Options{}))
	docker(t, "exec", r.service(t, "backup").ID, "sh", "-c",
		`f=$(ls /var/lib/backup/backups/`+second+`/files/dump/*.dat.zst | head -n 1) && chmod u+w "$f" && printf X | dd of="$f" bs=1 seek=8 conv=notrunc`)
	settings.Options.Backup = second
	evidence.Reset()
	require.Error(t, exercise.Run(t.Context()), "a drill has to see it, too")
	assert.Contains(t, evidence.String(), "FAIL  files of the backup")
	_, err = b.call("verify", env.Options{})
	require.Error(t, err)
	assert.Equal(t, run.CodeFailure, run.Code(err))
	type dumped struct {
		ID, Kind string
		Damaged  *struct{ Reason string }
	}
	var listed struct{ Backups []dumped }
	require.NoError(t, json.Unmarshal([]byte(b.must("list", env.Options{Format: "json"})), &listed))
	// The service made its first physical backup by itself, whenever it came to that.
	listed.Backups = slices.DeleteFunc(listed.Backups, func(one dumped) bool { return one.Kind != "dump" })
	require.Len(t, listed.Backups, 2)
	assert.Nil(t, listed.Backups[0].Damaged)
	require.NotNil(t, listed.Backups[1].Damaged)
	assert.Contains(t, listed.Backups[1].Damaged.Reason, ".dat.zst")
	_, err = b.call("restore", env.Options{Backup: second})
	require.Error(t, err)
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	assert.Contains(t, r.out.String(), "it is damaged")

	// The database is away: an error, nothing that looks like a backup (db-backup 366), and
	// no clean-up that could take the good one.
	db := r.service(t, "db")
	docker(t, "stop", db.ID)
	_, err = b.call("dump", env.Options{})
	docker(t, "start", db.ID)
	require.Error(t, err)
	r.healthy(t, db.ID)
	require.NoError(t, json.Unmarshal([]byte(b.must("list", env.Options{Format: "json"})), &listed))
	// The service made its first physical backup by itself, whenever it came to that.
	listed.Backups = slices.DeleteFunc(listed.Backups, func(one dumped) bool { return one.Kind != "dump" })
	require.Len(t, listed.Backups, 2)
	assert.Contains(t, b.must("prune", env.Options{}), "refused")
	b.must("dump", env.Options{})
	assert.Contains(t, b.must("prune", env.Options{DryRun: true}), "newest good one")
}

type backups struct {
	t *testing.T
	r *running
}

// call runs a target with options, as a command would.
func (b backups) call(verb string, o env.Options) (string, error) {
	settings := *b.r.Settings
	settings.Options = o
	var out bytes.Buffer
	m := &remote.Remote{Settings: &settings, Engine: b.r.Engine, Out: &out, Err: b.r.out}
	err := map[string]func() error{
		"dump":    func() error { return m.Dump(b.t.Context()) },
		"list":    func() error { return m.List(b.t.Context()) },
		"verify":  func() error { return m.Verify(b.t.Context()) },
		"prune":   func() error { return m.Prune(b.t.Context()) },
		"restore": func() error { return m.Restore(b.t.Context()) },
	}[verb]()
	return out.String(), err
}

func (b backups) must(verb string, o env.Options) string {
	b.t.Helper()
	out, err := b.call(verb, o)
	require.NoError(b.t, err, "backup:%s\n%s", verb, b.r.out)
	return out
}

func (b backups) note(title string) {
	b.t.Helper()
	resp, err := http.Post(b.r.base+"/api/notes", "application/json", strings.NewReader(`{"title":"`+title+`"}`))
	require.NoError(b.t, err)
	require.NoError(b.t, resp.Body.Close())
	require.Equal(b.t, http.StatusCreated, resp.StatusCode)
}

// board is what the page would list; empty while the backend has no database.
func (b backups) board() string {
	resp, err := http.Get(b.r.base + "/api/notes")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

func (b backups) sql(database, query string) string {
	b.t.Helper()
	return strings.TrimSpace(docker(b.t, "exec", b.r.service(b.t, "db").ID, "psql", "-XAtq", "-U", b.r.Settings.Database.User, "-d", database, "-c", query))
}
