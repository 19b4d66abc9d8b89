//go:build integration

package drill

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/backup/remote"
	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/lease"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

// lab is a live environment without a gateway: a database with rows in it, the backup
// service, and a dump, whose files the faults are made in.
type lab struct {
	t        *testing.T
	settings *env.Settings
	engine   *engine.Client
	labels   map[string]string
	image    string // the backup service's
	dump     string // id
	physical string // id of an incremental one, once copied
}

func newLab(t *testing.T, more ...string) *lab {
	t.Helper()
	root := testkit.Root(t)
	settings, err := env.Load(env.Source{Root: root, ReadOnly: true, Environ: append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "ENV=prod", "PROJECT=" + testkit.Project(t, "drill"), "NO_COLOR=1",
		"DB_PASSWORD=Kp8-qv2_Zx41mmWs-ah%:@", "REDIS_PASSWORD=Rr9-kw7_Yt55ppLd-oq", "BACKUP_HEARTBEAT=1s",
	}, more...)})
	require.NoError(t, err)
	l := &lab{t: t, settings: settings, engine: testkit.Engine(t), labels: testkit.Labels(t)}
	st := &stack.Stack{Settings: settings, Engine: l.engine, In: strings.NewReader(""), Out: io.Discard, Err: os.Stderr, Labels: l.labels}
	v, err := st.ReleaseValues(t.Context(), compose.Blue)
	require.NoError(t, err)
	l.image = v.Refs.Backup
	services := slices.DeleteFunc(compose.BaseServices(settings), func(name string) bool { return name == "gateway" })
	up := compose.UpOptions{Services: services, Timeout: dataTimeout}
	require.NoError(t, st.Runner().Up(t.Context(), compose.Base(settings, v), up))
	require.NoError(t, st.Migrate(t.Context(), v))
	l.sql("CREATE EXTENSION IF NOT EXISTS pg_trgm; INSERT INTO notes (title, body) SELECT 'note ' || n, 'text' FROM generate_series(1, 500) n")
	// The first heartbeat is there before the dump, so that the drill measures by it.
	require.Eventually(t, func() bool {
		at, err := l.remote(io.Discard).Heartbeat(t.Context())
		return err == nil && at != nil
	}, time.Minute, 200*time.Millisecond)
	var out bytes.Buffer
	require.NoError(t, l.remote(&out).Dump(t.Context()))
	l.dump = strings.TrimSpace(out.String())
	l.repository("cp -a /b/backups/" + l.dump + " /b/pristine")
	return l
}

func (l *lab) remote(out io.Writer) *remote.Remote {
	return &remote.Remote{Settings: l.settings, Engine: l.engine, Out: out, Err: os.Stderr}
}

// sql runs statements in the live database.
func (l *lab) sql(sql string) { l.sqlIn(l.settings.Project, sql) }

func (l *lab) sqlIn(project, sql string) {
	l.t.Helper()
	d := l.settings.Database
	out, err := l.engine.ExecOutput(l.t.Context(), l.database(project), "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", d.User, "-d", d.Name, "-c", sql)
	require.NoError(l.t, err, out)
}

func (l *lab) database(project string) string {
	l.t.Helper()
	list, err := l.engine.Containers(l.t.Context(), engine.OfService(project, "db", engine.Running))
	require.NoError(l.t, err)
	require.Len(l.t, list, 1)
	return list[0].ID
}

// repository runs a script on the repository, as the disk below it would change it.
func (l *lab) repository(script string) string {
	l.t.Helper()
	var out bytes.Buffer
	err := l.engine.RunOnce(l.t.Context(), engine.Spec{
		Image: l.image, User: "0:0", Labels: l.labels, Entrypoint: []string{"sh", "-euc", script},
		Mounts: []engine.Mount{{Name: l.settings.Project + "-backup", Target: "/b"}, {Name: l.settings.Project + "-repo", Target: "/r"}},
	}, engine.Streams{Out: &out, Err: os.Stderr})
	require.NoError(l.t, err, script)
	return strings.TrimSpace(out.String())
}

// heal makes the dump what it was.
func (l *lab) heal() {
	l.t.Helper()
	l.repository("rm -rf /b/backups/" + l.dump + "; cp -a /b/pristine /b/backups/" + l.dump)
}

// fault is something that goes wrong, and the check that has to say so.
type fault struct {
	name   string
	check  string                   // the error has to name it
	said   []string                 // and the evidence says why
	script string                   // in the folder of the dump
	copied bool                     // it is about the physical backup
	repo   string                   // script in the local repository of physical backups
	change func(*env.Settings)      // of the settings
	before map[string]func(*lab)    // what happens before a step
	around func(*lab) (stop func()) // what goes on beside the drill
}

// sees runs a drill with the fault and returns why it was not seen; "" if it was.
func (l *lab) sees(f fault) string {
	l.t.Helper()
	if f.script != "" {
		defer l.heal()
		l.repository("cd /b/backups/" + l.dump + "; " + f.script)
	}
	settings := *l.settings
	settings.Options.Backup = l.dump
	if f.copied || f.repo != "" {
		settings.Options.Backup = l.physical
		defer l.healRepository()
		l.repository("cd /r; " + f.repo)
	}
	if f.change != nil {
		f.change(&settings)
	}
	if f.around != nil {
		defer f.around(l)()
	}
	var out bytes.Buffer
	d := &Drill{Settings: &settings, Engine: l.engine, Out: &out, Err: io.Discard, Labels: l.labels, hook: func(step string) {
		if do := f.before[step]; do != nil {
			do(l)
		}
	}}
	err := d.Run(l.t.Context())
	left, listErr := l.engine.Containers(l.t.Context(), engine.Filter{Labels: map[string]string{stack.LabelProject: settings.Project + "-drill"}})
	require.NoError(l.t, listErr)
	switch {
	case err == nil:
		return "the drill passed"
	case !strings.Contains(err.Error(), "the restore drill failed: ") || !strings.Contains(err.Error(), f.check):
		return fmt.Sprintf("the error does not name %q: %v", f.check, err)
	case slices.ContainsFunc(f.said, func(want string) bool { return !strings.Contains(out.String(), want) }):
		return fmt.Sprintf("the evidence does not say all of %q:\n%s", f.said, out.String())
	case strings.Contains(out.String(), " Container "):
		return "compose's display is in the evidence"
	case !strings.Contains(out.String(), "FAILED"):
		return "the evidence does not say FAILED"
	case len(left) > 0:
		return fmt.Sprintf("%d containers of the scratch stack are left", len(left))
	}
	return ""
}

// faults runs them all, and prints how many were seen.
func (l *lab) faults(list []fault) {
	l.t.Helper()
	seen := 0
	for _, f := range list {
		if only := os.Getenv("DRYDOCK_FAULT"); !strings.Contains(f.name, only) {
			continue
		}
		if why := l.sees(f); why == "" {
			seen++
			l.t.Logf("seen: %s, by %s", f.name, f.check)
		} else {
			l.t.Errorf("NOT SEEN: %s: %s", f.name, why)
		}
	}
	fmt.Printf("faults seen %d of %d\n", seen, len(list))
	require.Equal(l.t, len(list), seen)
}

// flip changes one byte in the middle of a file.
func flip(path string) string {
	return fmt.Sprintf(`f='%s'; n=$(($(stat -c %%s "$f") / 2)); b=$(od -An -tu1 -j$n -N1 "$f"); printf "$(printf '\\%%03o' $((b ^ 1)))" | dd of="$f" bs=1 seek=$n conv=notrunc 2>/dev/null`, path)
}

const scratchSuffix = "-drill"

// inScratch changes the restored database before it is looked at.
func inScratch(step, sql string) map[string]func(*lab) {
	return map[string]func(*lab){"dump: " + step: func(l *lab) { l.sqlIn(l.settings.Project+scratchSuffix, sql) }}
}

// A few faults of each kind; all of them are in the tests of faults.
func TestADrillFailsByTheNameOfWhatIsWrong(t *testing.T) {
	l := newLab(t)
	l.faults([]fault{
		{name: "a flipped byte in the table of contents", check: "dump: files of the backup", script: flip("files/dump/toc.dat")},
		{name: "a file is missing", check: "dump: record of the backup", script: "rm files/globals.sql"},
		{name: "an image is missing", check: "dump: images and secrets", change: func(s *env.Settings) { s.Backend.Image = "drydock.invalid/none:missing" }},
		{name: "the backend does not get ready", check: "dump: the backend is ready on it", said: []string{"the checkout's", "health check says", "/nope", "its last lines"},
			change: func(s *env.Settings) { s.Backend.HealthPath = "/nope" }},
		{name: "a row of a table was changed", check: "dump: tables", before: inScratch("comparing with the manifest", "UPDATE notes SET title = 'other' WHERE id = 7")},
	})
}

// A checkout that cannot even be built says nothing about the backups while a release serves. A
// second drill that begins meanwhile is refused, and leaves the first one's scratch stack alone.
func TestADrillStartsTheReleaseThatServes(t *testing.T) {
	l := newLab(t)
	st := &stack.Stack{Settings: l.settings, Engine: l.engine, In: strings.NewReader(""), Out: io.Discard, Err: os.Stderr, Labels: l.labels}
	v, err := st.ReleaseValues(t.Context(), compose.Green)
	require.NoError(t, err)
	v.Version = "v1.2.0"
	v.Labels = map[string]string{compose.LabelRelease: "r1", compose.LabelVersion: v.Version}
	for k, value := range l.labels {
		v.Labels[k] = value
	}
	live := *l.settings
	live.Backend.Env = map[string]string{"OF_THE_RELEASE": "a $b"}
	require.NoError(t, st.Runner().Up(t.Context(), compose.App(&live, v), compose.UpOptions{Services: []string{"backend"}, Timeout: backendTimeout}))

	serving, err := st.Serving(t.Context())
	require.NoError(t, err)
	require.NotNil(t, serving)
	require.Contains(t, serving.Environ, "OF_THE_RELEASE=a $b")

	settings := *l.settings
	settings.Options.Backup = l.dump
	settings.Backend.Dockerfile, settings.Backend.HealthPath = "docker/none/Dockerfile", "/nope"
	var out bytes.Buffer
	ofRelease := false
	var second error
	d := &Drill{Settings: &settings, Engine: l.engine, Out: &out, Err: os.Stderr, Labels: l.labels, hook: func(step string) {
		if step == "dump: asking the backend" {
			list, err := l.engine.Containers(t.Context(), engine.OfService(l.settings.Project+scratchSuffix+"-blue", "backend", engine.Running))
			second = (&Drill{Settings: &settings, Engine: l.engine, Out: io.Discard, Err: os.Stderr, Labels: l.labels}).Run(t.Context())
			ofRelease = err == nil && len(list) == 1 && slices.Contains(list[0].Env, "OF_THE_RELEASE=a $b") && slices.Contains(list[0].Env, "APP_VERSION=v1.2.0")
		}
	}}
	require.NoError(t, d.Run(t.Context()), out.String())
	require.Contains(t, out.String(), "with the backend v1.2.0, the release that serves (r1)")
	require.True(t, ofRelease, "it is started as it was deployed")
	require.ErrorContains(t, second, lease.Drill)
	require.Equal(t, run.CodeBusy, run.Code(second))
}

// healRepository puts back what was there; what the database archived since stays.
func (l *lab) healRepository() {
	l.t.Helper()
	l.repository("cp -a /b/pristine-repo/. /r/; for b in /b/pristine-backups/*; do rm -rf /b/backups/${b##*/}; cp -a $b /b/backups/; done")
}
