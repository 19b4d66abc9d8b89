package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/remote"
	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/stack"
)

// outDir is where the peers write, on a volume as ours do.
const outDir = "/out"

// data is about 1 GB of what products have: rows with times, JSON and words, which compress;
// files, which do not; and the accounts of pgbench, whose tables are narrow.
var data = fmt.Sprintf(`CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz NOT NULL, kind text NOT NULL, body jsonb NOT NULL, note text);
INSERT INTO events SELECT n, '2026-01-01'::timestamptz + n * interval '7 seconds', (ARRAY['view', 'click', 'order', 'refund'])[1 + n %% 4],
  jsonb_build_object('user', n %% 5003, 'path', '/shop/' || md5((n %% 977)::text), 'ms', (n::bigint * 7919) %% 1000, 'tags', jsonb_build_array('a', n %% 10)),
  repeat('lorem ipsum ' || n || ' ', 1 + (n %% 12)::int) FROM generate_series(1, %d) n;
CREATE INDEX ON events (at);
CREATE INDEX ON events USING gin (kind gin_trgm_ops) WHERE kind = 'refund';
CREATE TABLE files (id int PRIMARY KEY, content bytea NOT NULL);
ALTER TABLE files ALTER content SET STORAGE EXTERNAL;
INSERT INTO files SELECT n, (SELECT string_agg(sha512((n || ' ' || i)::bytea), ''::bytea) FROM generate_series(1, 160) i) FROM generate_series(1, %d) n;
VACUUM (ANALYZE, FREEZE);
CHECKPOINT;
`, events, files)

// How much of each there is.
const (
	events   = 1_050_000 // rows, about 400 MB with their indexes
	files    = 23_000    // of 10 kB
	accounts = 23        // pgbench's scale, 100 000 rows each: about 350 MB
)

// site is a database with its backup service, that nobody uses, and a container for the peers.
type site struct {
	st      *stack.Stack
	labels  map[string]string
	db      string // containers
	service string
	peer    string
}

// newSite starts it and fills the database.
func newSite(ctx context.Context, o DeployOptions) (_ *site, err error) {
	const password = "of-a-database-for-a-moment"
	src := o.Source
	ours := []string{
		"ENV=prod", "PROJECT=drydock-bench-backup", "TLS=off", "DB_PASSWORD=" + password, "REDIS_PASSWORD=of-a-redis-for-a-moment", "DB_MEMORY=1g", "BACKUP_MEMORY=1g",
		"BACKUP_DUMP=never", "BACKUP_VERIFY=never", "BACKUP_FULL=never", "BACKUP_INCREMENTAL=never", "BACKUP_DIFFERENTIAL=never", "BACKUP_JOBS=2", "BACKUP_LEVEL=3",
		"BACKUP_WEBHOOK=", "VOLUMES=1", "YES=1",
	}
	src.Env, src.Environ = "", override(src.Environ, ours)
	settings, err := env.Load(src)
	if err != nil {
		return nil, err
	}
	s := &site{}
	if s.st, err = stack.Open(ctx, settings, strings.NewReader(""), io.Discard, o.Err); err != nil {
		return nil, err
	}
	s.labels = map[string]string{label: settings.Project}
	if err := s.empty(ctx); err != nil { // what a run left that was killed
		return nil, errors.Join(err, s.st.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	v, err := s.st.ReleaseValues(ctx, compose.Blue)
	if err != nil {
		return nil, err
	}
	up := compose.UpOptions{Services: []string{"db", "redis", "backup"}, Timeout: 5 * time.Minute}
	if err := s.st.Runner().Up(ctx, compose.Base(settings, v), up); err != nil {
		return nil, err
	}
	if err := s.st.Migrate(ctx, v); err != nil {
		return nil, err
	}
	for service, id := range map[string]*string{"db": &s.db, "backup": &s.service} {
		list, err := s.st.Engine.Containers(ctx, engine.OfService(settings.Project, service, engine.Running))
		if err != nil {
			return nil, err
		}
		if len(list) != 1 {
			return nil, fmt.Errorf("there are %d containers of the service %s", len(list), service)
		}
		*id = list[0].ID
	}
	if err := s.startPeer(ctx, v, password); err != nil {
		return nil, err
	}
	_, _ = fmt.Fprintln(o.Err, "filling a database with about 1 GB") // narration
	if err := s.sql(ctx, settings.Database.Name, data); err != nil {
		return nil, err
	}
	return s, s.sh(ctx, s.db, fmt.Sprintf("/usr/lib/postgresql/*/bin/pgbench -i -q -s %d -U %s %s", accounts, settings.Database.User, settings.Database.Name))
}

// startPeer starts the container in which the peers' tools run: the same image, the same
// mounts, and a volume of its own to write to.
func (s *site) startPeer(ctx context.Context, v compose.Values, password string) error {
	project, d, e := s.st.Settings.Project, s.st.Settings.Database, s.st.Engine
	for _, name := range []string{s.outVolume(), s.repoVolume()} {
		if _, err := e.EnsureVolume(ctx, name, s.labels); err != nil {
			return err
		}
	}
	conf := strings.ReplaceAll(physical.Render(physical.Options{User: d.User, Level: 3, Jobs: 2}), "archive-timeout=60", "archive-check=n\narchive-timeout=60")
	id, err := e.Create(ctx, engine.Spec{
		Image: v.Refs.Backup, User: "0:0", Labels: s.labels, Entrypoint: []string{"sleep"}, Cmd: []string{"infinity"}, Init: true,
		Attach: []engine.Attach{{Network: project + "-data"}},
		Mounts: []engine.Mount{
			{Name: s.outVolume(), Target: outDir}, {Name: s.repoVolume(), Target: physical.RepoDir},
			{Name: project + "-db", Target: physical.DataDir, ReadOnly: true}, {Name: project + "-db-shared", Target: physical.SocketDir},
		},
		Env: []string{"PGHOST=db", "PGUSER=" + d.User, "PGDATABASE=" + d.Name, "PGPASSWORD=" + password, "CONF=" + conf},
	})
	if err != nil {
		return err
	}
	s.peer = id
	if err := e.Start(ctx, id); err != nil {
		return err
	}
	return s.sh(ctx, id, `printf %s "$CONF" >/tmp/pgbackrest.conf; pgbackrest --config=/tmp/pgbackrest.conf --stanza=main stanza-create`)
}

func (s *site) outVolume() string  { return s.st.Settings.Project + "-out-volume" }
func (s *site) repoVolume() string { return s.st.Settings.Project + "-peer-repo" }

// sh runs a script in a container.
func (s *site) sh(ctx context.Context, container, script string) error {
	var said bytes.Buffer
	err := s.st.Engine.Exec(ctx, container, engine.Command{Cmd: []string{"sh", "-euc", script}, Streams: engine.Streams{Out: &said, Err: &said}})
	if err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, strings.TrimSpace(said.String()))
	}
	return nil
}

func (s *site) sql(ctx context.Context, database, text string) error {
	var said bytes.Buffer
	err := s.st.Engine.Exec(ctx, s.db, engine.Command{
		Cmd:     []string{"psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", s.st.Settings.Database.User, "-d", database},
		Streams: engine.Streams{In: strings.NewReader(text), Out: io.Discard, Err: &said},
	})
	if err != nil {
		return fmt.Errorf("asking the database: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// number runs a script in a container that prints one.
func (s *site) number(ctx context.Context, container, script string) (float64, error) {
	out, err := s.st.Engine.ExecOutput(ctx, container, "sh", "-euc", script)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(out), 64)
}

// cpu is what the containers of backups and the database have used so far, in seconds.
func (s *site) cpu(ctx context.Context) (total float64, err error) {
	for _, c := range []string{s.db, s.service, s.peer} {
		n, err := s.number(ctx, c, "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || awk '/^usage_usec/ { print $2 * 1000 }' /sys/fs/cgroup/cpu.stat")
		if err != nil {
			return 0, err
		}
		total += n / 1e9
	}
	return total, nil
}

// remote is ours, as the targets call it.
func (s *site) remote(out io.Writer) *remote.Remote {
	return &remote.Remote{Settings: s.st.Settings, Engine: s.st.Engine, Out: out, Err: io.Discard}
}

// empty removes everything of the site.
func (s *site) empty(ctx context.Context) error {
	var said bytes.Buffer
	quiet := *s.st
	quiet.Err = &said
	_, err := s.st.Engine.RemoveByLabel(ctx, s.labels, engine.RemoveOptions{})
	if downErr := quiet.Down(ctx); downErr != nil {
		err = errors.Join(err, fmt.Errorf("%w\n%s", downErr, &said))
	}
	return err
}

// remove is empty whatever the context of the run is, and lets go of the engine.
func (s *site) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	return errors.Join(s.empty(ctx), s.st.Close())
}
