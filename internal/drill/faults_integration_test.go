//go:build integration && faults

package drill

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

// Every fault makes the drill fail, by name; a good backup before and after them passes.
func TestADrillSeesEveryFault(t *testing.T) {
	l := newLab(t)
	require.Equal(t, "the drill passed", l.sees(fault{name: "nothing"}), "before any fault")

	var list []fault
	for _, file := range strings.Fields(l.repository("cd /b/backups/" + l.dump + "; find . -type f -size +0 ! -name marks.json")) {
		list = append(list, fault{name: "a flipped byte in " + file, check: "of the backup", script: flip(file)})
	}
	data := l.repository("cd /b/backups/" + l.dump + "; ls -S files/dump/*.dat.zst | head -n 1")
	list = append(list,
		fault{name: "a table's file is missing", check: "dump: files of the backup", script: "rm " + data},
		fault{name: "the table of contents is missing", check: "dump: files of the backup", script: "rm files/dump/toc.dat"},
		fault{name: "the manifest is missing", check: "dump: files of the backup", script: "rm files/manifest.json"},
		fault{name: "a table's file is cut off", check: "dump: files of the backup", script: "truncate -s -5 " + data},
		fault{name: "a table's file is empty", check: "dump: files of the backup", script: "truncate -s 0 " + data},
		fault{name: "a file was added", check: "dump: files of the backup", script: "echo x > files/dump/9999.dat.zst"},
		fault{name: "the manifest was edited", check: "dump: record of the backup", script: `sed -i 's/"rows": *[0-9]*/"rows": 1/' files/manifest.json`},
		fault{name: "the record was edited", check: "dump: record of the backup", script: `sed -i 's/"size": *[0-9]*/"size": 1/' record.json`},
		fault{name: "a value of a row was changed", check: "dump: tables", before: inScratch("comparing with the manifest", "UPDATE notes SET title = 'other' WHERE id = 7")},
		fault{name: "a row is missing", check: "dump: tables", before: inScratch("comparing with the manifest", "DELETE FROM notes WHERE id = 7")},
		fault{name: "a row is there twice", check: "dump: tables", before: inScratch("comparing with the manifest", "INSERT INTO notes (title, body) SELECT title, body FROM notes WHERE id = 7")},
		fault{name: "a sequence is behind", check: "dump: sequences ahead of their tables", before: inScratch("comparing with the manifest", "SELECT setval('notes_id_seq', 1)")},
		fault{name: "an extension is missing", check: "dump: extensions", before: inScratch("comparing with the manifest", "DROP EXTENSION pg_trgm CASCADE")},
		fault{name: "an index is missing", check: "dump: objects and rights", before: inScratch("comparing with the manifest",
			"DO $$ DECLARE i text; BEGIN SELECT indexrelid::regclass::text INTO i FROM pg_index WHERE indrelid = 'notes'::regclass AND NOT indisprimary LIMIT 1; EXECUTE 'DROP INDEX ' || i; END $$")},
		fault{name: "an index lacks its rows", check: "dump: pg_amcheck", before: inScratch("checking every index and table", wrongIndex)},
		fault{name: "the backend's table is gone", check: "dump: the backend", before: inScratch("starting the backend on it", "DROP TABLE notes CASCADE")},
		fault{name: "an image is missing", check: "dump: images and secrets", change: func(s *env.Settings) { s.Backend.Image = "drydock.invalid/none:missing" }},
		fault{name: "the disk is full", check: "dump: restore", around: smallDisk, before: map[string]func(*lab){"dump: restoring": fillDisk}},
		fault{name: "the restore is killed", check: "dump: restore", before: map[string]func(*lab){"dump: restoring": func(l *lab) { stallRestore(l); killRestore(l) }}},
		fault{name: "the recovery takes longer than it may", check: "dump: recovery time within its budget", change: func(s *env.Settings) { s.Backup.Drill.MaxRecovery = time.Millisecond }},
		fault{name: "more is lost than may be", check: "dump: data loss within its budget", change: func(s *env.Settings) { s.Backup.Drill.MaxLoss = time.Millisecond }},
	)
	l.faults(list)
	require.Equal(t, "the drill passed", l.sees(fault{name: "nothing"}), "after all of them")
}

func docker(t *testing.T, args ...string) {
	t.Helper()
	var said strings.Builder
	// Not the test's context: it also cleans up.
	err := run.Run(context.WithoutCancel(t.Context()), run.Cmd{Name: "docker", Args: args, Env: os.Environ(), Stdout: &said, Stderr: &said})
	require.NoError(t, err, said.String())
}

// smallDisk makes the scratch database's volume one that can be filled.
func smallDisk(l *lab) func() {
	name := l.settings.Project + scratchSuffix + "-db"
	docker(l.t, "volume", "create", "--driver", "local", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=200m,uid=999,gid=999,mode=0700", name)
	return func() { docker(l.t, "volume", "rm", "--force", name) }
}

func fillDisk(l *lab) {
	_, err := l.engine.ExecOutput(l.t.Context(), l.database(l.settings.Project+scratchSuffix), "sh", "-c", "cat /dev/zero > /var/lib/postgresql/data/filler 2>/dev/null || true")
	require.NoError(l.t, err)
}

// stallRestore has the restore wait for what it needs first, so that it cannot be over before
// it is killed. The lock goes with the scratch database.
func stallRestore(l *lab) {
	db := l.database(l.settings.Project + scratchSuffix)
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := l.engine.Exec(l.t.Context(), db, engine.Command{Streams: engine.Streams{Out: in}, Cmd: []string{
			"psql", "-XqAt", "-U", l.settings.Database.User, "-d", "postgres", "-c", "BEGIN", "-c", "LOCK TABLE pg_database", "-c", "SELECT 'held'", "-c", "SELECT pg_sleep(600)"}})
		ended <- errors.Join(err, in.CloseWithError(err))
	}()
	held := make([]byte, len("held"))
	_, err := io.ReadFull(out, held)
	require.NoError(l.t, err)
	go func() { _, _ = io.Copy(io.Discard, out) }() // what psql says when its server is gone
	l.t.Cleanup(func() { require.Error(l.t, <-ended, "the database was still there") })
}

// killRestore kills the container of the restore as soon as it is there.
func killRestore(l *lab) {
	project := l.settings.Project + scratchSuffix
	died := make(chan struct{})
	go func() {
		defer close(died)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for l.t.Context().Err() == nil {
			<-tick.C
			list, err := l.engine.Containers(l.t.Context(), engine.Filter{Labels: map[string]string{stack.LabelProject: project}, States: []engine.State{engine.Running}})
			if err != nil {
				continue // one may be gone before it is looked at; the loop's context ends it
			}
			for _, c := range list {
				if c.Labels["com.docker.compose.service"] == "" {
					testkit.Kill(l.t, c.ID)
					return
				}
			}
		}
	}()
	l.t.Cleanup(func() { <-died })
}
