//go:build integration && faults

package drill

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/recovery"
	"drydock/internal/engine"
	"drydock/internal/env"
)

// copied makes a chain of physical backups, with log after it, and keeps what it was.
func (l *lab) copied() {
	l.t.Helper()
	var out bytes.Buffer
	require.NoError(l.t, l.remote(&out).Copy(l.t.Context(), "full"))
	l.sql("INSERT INTO notes (title, body) SELECT 'later ' || n, 'text' FROM generate_series(1, 500) n")
	out.Reset()
	require.NoError(l.t, l.remote(&out).Copy(l.t.Context(), "incremental"))
	l.physical = strings.TrimSpace(out.String())
	for range 3 {
		l.sql("INSERT INTO notes (title, body) VALUES ('log', 'text')")
		l.sql("SELECT pg_switch_wal()")
	}
	d := l.settings.Database
	require.Eventually(l.t, func() bool {
		left, err := l.engine.ExecOutput(l.t.Context(), l.database(l.settings.Project), "psql", "-XqAt", "-U", d.User, "-d", d.Name, "-c",
			"SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")
		return err == nil && strings.TrimSpace(left) == "0"
	}, time.Minute, 200*time.Millisecond)
	l.repository("cp -a /r /b/pristine-repo; cp -a /b/backups /b/pristine-backups")
}

// Every fault of a physical backup makes the drill fail, by name.
func TestADrillSeesEveryFaultOfAPhysicalBackup(t *testing.T) {
	const key = "a-key-of-the-repository-for-tests"
	l := newLab(t, "BACKUP_KEY="+key, "BACKUP_ENCRYPT=all")
	l.copied()
	require.Equal(t, "the drill passed", l.sees(fault{copied: true, name: "nothing"}), "before any fault")

	const verify = "physical: repository verify"
	var list []fault
	// Of what can be healed: the database goes on archiving.
	// Not *.backup: notes that PostgreSQL archives beside the log, for people. No recovery reads them.
	for _, file := range strings.Fields(l.repository("cd /b/pristine-repo; find backup/main/2* backup/main/backup.info* archive/main -type f ! -name '*.backup'")) {
		list = append(list, fault{name: "a flipped byte in " + file, check: verify, repo: flip(file)})
	}
	bundle := l.repository("cd /b/pristine-repo; ls -S $(find backup/main/*F -type f -path '*bundle*') | head -n 1")
	segments := strings.Fields(l.repository("cd /b/pristine-repo; find archive/main -name '0000*-*' -type f | sort"))
	require.Greater(t, len(segments), 4)
	middle := segments[len(segments)-2]
	// Of the notes that PostgreSQL archives, the first names where the full backup's log begins.
	first := strings.TrimSpace(l.repository("cd /b/pristine-repo; n=$(find archive/main -name '0000*.backup' | sort | head -n 1); ls ${n%%.*}-*"))
	restoring := "physical: restoring and replaying the log"
	list = append(list,
		fault{name: "a file of the full backup is missing", check: verify, repo: "rm " + bundle},
		fault{name: "a file of the full backup is cut off", check: verify, repo: "truncate -s -100 " + bundle},
		fault{name: "the full backup is gone", check: verify, repo: "rm -rf backup/main/*F"},
		fault{name: "the list of backups is gone, its copy is there", check: verify, repo: "rm backup/main/backup.info"},
		fault{name: "the manifest and its copy are gone", check: verify, repo: "rm backup/main/*F_*/backup.manifest*"},
		fault{name: "the list of backups and its copy are gone", check: verify, repo: "rm backup/main/backup.info*"},
		fault{name: "the archive's list and its copy are gone", check: verify, repo: "rm archive/main/archive.info*"},
		fault{name: "a segment of the log is missing", check: verify, repo: "rm " + middle},
		fault{name: "the log that makes the full backup consistent is missing", check: verify, repo: "rm " + first},
		fault{name: "the key is another one", check: verify, around: otherKey(key)},
		fault{name: "an image is missing", check: "physical: images and secrets", change: func(s *env.Settings) { s.Backend.Image = "drydock.invalid/none:missing" }},
		fault{name: "the disk is full", check: "physical: a point in time", around: smallCopy},
		fault{name: "the restore is killed", check: "physical: restoring", before: map[string]func(*lab){restoring: killRestore}},
		fault{name: "the recovery takes longer than it may", check: "physical: recovery time within its budget", change: func(s *env.Settings) { s.Backup.Drill.MaxRecovery = time.Millisecond }},
		fault{name: "more is lost than may be", check: "physical: data loss within its budget", change: func(s *env.Settings) { s.Backup.Drill.MaxLoss = time.Nanosecond }},
	)
	for i := range list {
		list[i].copied = true
	}
	l.faults(list)
	require.Equal(t, "the drill passed", l.sees(fault{copied: true, name: "nothing"}), "after all of them")
}

// otherKey gives the backup service a key that does not open its repository.
func otherKey(right string) func(*lab) func() {
	return func(l *lab) func() {
		source, err := recovery.SourceOf(l.t.Context(), l.engine, l.settings.Project, l.settings.Database.User, l.settings.Database.Name)
		require.NoError(l.t, err)
		replace := func(from, to string) {
			err := l.engine.RunOnce(l.t.Context(), engine.Spec{
				Image: l.image, User: "0:0", Labels: l.labels, Mounts: []engine.Mount{{Name: source.Secrets, Target: "/s"}},
				Entrypoint: []string{"sh", "-euc", fmt.Sprintf("grep -q %s /s/%s; sed -i 's/%[1]s/%[3]s/' /s/%[2]s", from, physical.LocalFile, to)},
			}, engine.Streams{Err: os.Stderr})
			require.NoError(l.t, err)
		}
		replace(right, "another-key")
		return func() { replace("another-key", right) }
	}
}

// smallCopy makes the volume that is restored into one that is too small.
func smallCopy(l *lab) func() {
	name := l.settings.Project + scratchSuffix + "-physical"
	docker(l.t, "volume", "create", "--driver", "local", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=10m,uid=999,gid=999,mode=0700", name)
	return func() { docker(l.t, "volume", "rm", "--force", name) }
}
