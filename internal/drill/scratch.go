package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/stack"
)

// scratch is the stack of a drill.
type scratch struct {
	*stack.Stack
	live string // project whose backups are mounted
}

// clean removes everything of the scratch stack, on a context of its own: a drill that was
// cut off leaves nothing either.
func (s *scratch) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	_, err := s.Engine.RemoveByLabel(ctx, map[string]string{stack.LabelProject: s.Settings.Project}, engine.RemoveOptions{})
	if err != nil {
		return fmt.Errorf("removing the scratch stack: %w", err)
	}
	return nil
}

// data starts the two data services, and makes the networks.
func (s *scratch) data(ctx context.Context, v compose.Values) error {
	return s.Runner().Up(ctx, compose.Base(s.Settings, v), compose.UpOptions{Services: []string{"db", "redis"}, Timeout: dataTimeout})
}

// restore restores into the empty database. The service's own program does it, from the
// live repository, which it can only read; it compares every table with the manifest.
func (s *scratch) restore(ctx context.Context, e *Evidence, v compose.Values, b listed) error {
	d := s.Settings.Database
	var out, errs bytes.Buffer
	err := s.Engine.RunOnce(ctx, engine.Spec{
		Image: v.Refs.Backup, User: "999:999", ReadOnly: true, Tmpfs: map[string]string{"/tmp": "mode=1777,size=64m"},
		CapDrop: []string{"ALL"}, NoNewPrivileges: true, Labels: s.labels(),
		Attach: []engine.Attach{{Network: s.Settings.Project + "-data"}},
		Mounts: []engine.Mount{
			{Name: s.live + "-backup", Target: "/var/lib/backup", ReadOnly: true},
			{Name: v.BackupSecrets, Target: "/run/secrets", ReadOnly: true},
		},
		Env: []string{"BACKUP_READ_ONLY=true", "DB_HOST=db", "DB_PORT=5432", "DB_NAME=" + d.Name, "DB_USER=" + d.User,
			"DB_PASSWORD_FILE=/run/secrets/db_password", "PROJECT=" + s.live, "DRYDOCK_ENV=" + s.Settings.Env},
		Cmd: []string{"backup", "restore", "--id=" + b.ID, "--database=" + d.Name},
	}, engine.Streams{Out: &out, Err: &errs})
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		e.check("restore equals the manifest", false, last(errs.String()))
		return nil
	}
	if err != nil {
		return err
	}
	e.check("restore equals the manifest", true, "files, rows and hashes of every table, sequences, large objects, roles, extensions")
	return nil
}

// amcheck has PostgreSQL look at the structure of every table and index.
func (s *scratch) amcheck(ctx context.Context, e *Evidence) error {
	text, err := s.inDatabase(ctx, "pg_amcheck", "--username="+s.Settings.Database.User, "--install-missing", "--heapallindexed", "--jobs=2", quoteConn(s.Settings.Database.Name))
	return e.outcome("pg_amcheck", text, err)
}

// readAndWrite: a database that only reads is no recovery.
func (s *scratch) readAndWrite(ctx context.Context, e *Evidence) error {
	const sql = `CREATE TABLE drydock_drill_write (n int PRIMARY KEY); INSERT INTO drydock_drill_write SELECT generate_series(1, 100);
SELECT count(*) FROM drydock_drill_write; DROP TABLE drydock_drill_write;`
	text, err := s.inDatabase(ctx, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "--username="+s.Settings.Database.User, "--dbname="+quoteConn(s.Settings.Database.Name), "-c", sql)
	if err == nil && strings.TrimSpace(text) != "100" {
		e.check("a write after the restore", false, "100 rows were written, and read back: "+strings.TrimSpace(text))
		return nil
	}
	return e.outcome("a write after the restore", text, err)
}

// backend starts the product on the restored data; it is healthy when it can use it.
func (s *scratch) backend(ctx context.Context, e *Evidence, v compose.Values) error {
	err := s.Runner().Up(ctx, compose.App(s.Settings, v), compose.UpOptions{Services: []string{"backend"}, Timeout: backendTimeout})
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		e.check("the backend is ready on it", false, s.why(ctx, err))
		return nil
	}
	e.check("the backend is ready on it", true, s.Settings.Backend.HealthPath)
	return nil
}

// why is what the backend's health check said last.
func (s *scratch) why(ctx context.Context, err error) string {
	list, listErr := s.Engine.Containers(ctx, engine.OfService(compose.AppProject(s.Settings, compose.Blue), "backend"))
	if listErr == nil {
		for _, c := range list {
			if n := len(c.Checks); n > 0 && c.Checks[n-1].Output != "" {
				return last(c.Checks[n-1].Output)
			}
		}
	}
	return last(err.Error())
}

// inDatabase runs a program in the scratch database's container.
func (s *scratch) inDatabase(ctx context.Context, cmd ...string) (string, error) {
	list, err := s.Engine.Containers(ctx, engine.OfService(s.Settings.Project, "db", engine.Running))
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", errors.New("the scratch database does not run any more")
	}
	return s.Engine.ExecOutput(ctx, list[0].ID, cmd...)
}

func (s *scratch) labels() map[string]string {
	l := map[string]string{stack.LabelProject: s.Settings.Project}
	for k, v := range s.Labels {
		l[k] = v
	}
	return l
}

// check notes one thing that was looked at.
func (e *Evidence) check(name string, ok bool, detail string) {
	e.Checks = append(e.Checks, Check{name, ok, detail})
}

// outcome notes a program's end: a code other than 0 is a failed check, anything else that
// goes wrong ends the drill.
func (e *Evidence) outcome(name, said string, err error) error {
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		e.check(name, false, last(said+exit.Tail))
		return nil
	}
	if err != nil {
		return err
	}
	e.check(name, true, "")
	return nil
}

// quoteConn makes a name a connection string, so that one with = or blanks is a name still
// (PostgreSQL manual, 32.1.1.1).
func quoteConn(name string) string {
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "'"
}

// maxDetail bounds what of a program's output becomes evidence, in bytes.
const maxDetail = 2000

// last is the end of a text, in whole lines.
func last(text string) string {
	text = strings.TrimSpace(text)
	if len(text) <= maxDetail {
		return text
	}
	text = text[len(text)-maxDetail:]
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return "... " + text
}
