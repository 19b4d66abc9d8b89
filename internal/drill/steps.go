package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"drydock/internal/backup"
	"drydock/internal/compose"
	"drydock/internal/engine"
)

// step is a part of a drill. Its error fails the drill under the step's name.
type step struct {
	name     string
	recovery bool // a real recovery has it, too
	do       func(context.Context) error
}

// dumpSteps prove a dump.
func (s *scratch) dumpSteps() []step {
	return []step{
		{"images and secrets", true, s.prepare},
		{"reading the backup", false, s.examineFiles},
		{"starting PostgreSQL and Redis", true, s.data},
		{"isolation", false, s.isolation},
		{"restoring", true, s.restore},
		{"comparing with the manifest", false, s.examineDatabase},
		{"checking every index and table", false, s.amcheck},
		{"reading and writing", false, s.readAndWrite},
		{"starting the backend on it", true, s.backend},
		{"asking the backend", false, s.askBackend},
		{"data loss and budgets", false, s.budgets},
		{"damaging it on purpose", false, s.control},
	}
}

// prepare makes sure that the images are there, and fills the secrets' volumes.
func (s *scratch) prepare(ctx context.Context) (err error) {
	if s.from != nil {
		s.part.Backend = fmt.Sprintf("%s, the release that serves (%s)", s.from.Version, s.from.Release)
		s.v, err = s.ScratchValues(ctx, s.from)
	} else if s.v, err = s.ReleaseValues(ctx, compose.Blue); err == nil {
		s.part.Backend = s.v.Version + ", the checkout's"
	}
	s.v.Isolated = true
	return err
}

// data starts the two data services, and makes the networks.
func (s *scratch) data(ctx context.Context) error {
	return s.up(ctx, compose.Base(s.Settings, s.v), compose.UpOptions{Services: []string{"db", "redis"}, Timeout: dataTimeout})
}

// isolation looks whether the scratch stack is what is promised: whatever is restored in it
// can reach nobody, and nobody can reach it.
func (s *scratch) isolation(ctx context.Context) error {
	id, err := s.database(ctx)
	if err != nil {
		return err
	}
	c, err := s.Engine.Container(ctx, id)
	if err != nil {
		return err
	}
	var problems []string
	networks := 0
	for _, p := range c.Ports {
		if p.Host != 0 {
			problems = append(problems, fmt.Sprintf("port %d is published as %d", p.Container, p.Host))
		}
	}
	for _, e := range c.Networks {
		n, err := s.Engine.Network(ctx, e.Network)
		if err != nil {
			return err
		}
		networks++
		if !n.Internal {
			problems = append(problems, "the network "+n.Name+" leads outside")
		}
	}
	if networks == 0 {
		problems = append(problems, "the scratch database is on no network")
	}
	detail := "no port is published, and every network is internal"
	if len(problems) > 0 {
		detail = strings.Join(problems, "; ")
	}
	s.part.check("isolation", len(problems) == 0, detail)
	return nil
}

// examineFiles reads the backup's files, which are mounted read-only.
func (s *scratch) examineFiles(ctx context.Context) error {
	_, err := s.examine(ctx, "examine", "--id="+s.part.Backup)
	return err
}

// restore restores into the empty database, as a recovery would; comparing is a step of its own.
func (s *scratch) restore(ctx context.Context) error {
	_, err := s.service(ctx, "restore", "--id="+s.part.Backup, "--database="+s.Settings.Database.Name, "--no-compare")
	if err == nil {
		s.part.check("restore", true, "pg_restore of every object and row, without an error")
	}
	return s.outcome("restore", "", err)
}

// examineDatabase compares what was restored with the manifest.
func (s *scratch) examineDatabase(ctx context.Context) error {
	found, err := s.examine(ctx, "examine", "--id="+s.part.Backup, "--database="+s.Settings.Database.Name)
	s.part.Tables, s.part.Rows = found.Tables, found.Rows
	s.restored = found.Heartbeat
	return err
}

// examine runs a verb of the service that answers with findings, and notes them as checks.
func (s *scratch) examine(ctx context.Context, words ...string) (backup.Examined, error) {
	found, err := s.ask(ctx, words...)
	for _, f := range found.Findings {
		s.part.check(f.Name, f.OK, f.Detail)
	}
	return found, err
}

func (s *scratch) ask(ctx context.Context, words ...string) (found backup.Examined, err error) {
	text, err := s.service(ctx, words...)
	if err != nil {
		return found, err
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return found, fmt.Errorf("reading the findings of backup %s: %w", words[0], err)
	}
	return found, nil
}

// amcheck has PostgreSQL look at the structure of every table and index.
func (s *scratch) amcheck(ctx context.Context) error {
	text, err := s.inDatabase(ctx, s.amcheckWords()...)
	if err == nil {
		s.part.check("pg_amcheck", true, "every table, index and TOAST table; each row is in its indexes")
	}
	return s.outcome("pg_amcheck", text, err)
}

func (s *scratch) amcheckWords(more ...string) []string {
	words := append([]string{"pg_amcheck", "--username=" + s.Settings.Database.User, "--install-missing", "--heapallindexed", "--jobs=2"}, more...)
	return append(words, quoteConn(s.Settings.Database.Name))
}

func (s *scratch) psqlWords(sql string) []string {
	return []string{"psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "--username=" + s.Settings.Database.User, "--dbname=" + quoteConn(s.Settings.Database.Name), "-c", sql}
}

// readAndWrite: a database that only reads is no recovery.
func (s *scratch) readAndWrite(ctx context.Context) error {
	const sql = `CREATE TABLE drydock_drill_write (n int PRIMARY KEY); INSERT INTO drydock_drill_write SELECT generate_series(1, 100);
SELECT count(*) FROM drydock_drill_write; DROP TABLE drydock_drill_write;`
	text, err := s.inDatabase(ctx, s.psqlWords(sql)...)
	if err == nil {
		s.part.check("a write after the restore", strings.TrimSpace(text) == "100", "100 rows were written, and read back: "+strings.TrimSpace(text))
	}
	return s.outcome("a write after the restore", text, err)
}

// backend starts the product on the restored data; it is healthy when it can use it.
func (s *scratch) backend(ctx context.Context) error {
	p := compose.App(s.Settings, s.v)
	b := s.Settings.Backend
	p.Env = append(p.Env, "BACKEND_REPLICAS=1", "BACKEND_PORT="+strconv.Itoa(b.Port), "BACKEND_HEALTH_PATH="+b.HealthPath) // the release's, not the checkout's
	err := s.up(ctx, p, compose.UpOptions{Services: []string{"backend"}, Timeout: backendTimeout})
	if ctx.Err() != nil {
		return err
	}
	detail := s.part.Backend + ": "
	if err != nil {
		detail += err.Error()
	} else {
		detail += b.HealthPath + " answers"
	}
	s.part.check("the backend is ready on it", err == nil, detail)
	return nil
}

// askBackend has the product itself read and write.
func (s *scratch) askBackend(ctx context.Context) error {
	path, body, _ := strings.Cut(s.Settings.Backup.Drill.Write, " ")
	for _, q := range []struct{ name, path, body string }{
		{"the backend reads", s.Settings.Backup.Drill.Read, ""},
		{"the backend writes", path, body},
	} {
		if q.path == "" {
			continue
		}
		words := []string{"ask", fmt.Sprintf("http://backend:%d%s", s.Settings.Backend.Port, q.path)}
		if q.body != "" {
			words = append(words, q.body)
		}
		text, err := s.service(ctx, words...)
		if err == nil {
			s.part.check(q.name, true, q.path+" answered "+strings.TrimSpace(text))
		}
		if err := s.outcome(q.name, "", err); err != nil {
			return err
		}
	}
	return nil
}

// budgets tells how much would have been lost, and compares with what is allowed.
func (s *scratch) budgets(context.Context) error {
	s.part.Loss = loss(s.lost, s.restored, s.part.Made)
	spent := func(name string, seconds float64, most time.Duration) {
		if most > 0 {
			s.part.check(name, seconds <= most.Seconds(), fmt.Sprintf("%s of at most %s", duration(seconds), most))
		}
	}
	spent("recovery time within its budget", s.part.Recovery, s.Settings.Backup.Drill.MaxRecovery)
	// A dump is as old as its schedule; where there is an archive, that one is what is lost least from.
	if !s.spared {
		spent("data loss within its budget", s.part.Loss.Seconds, s.Settings.Backup.Drill.MaxLoss)
	}
	return nil
}

// loss compares the newest heartbeat of the live database with the restored one. A backup
// from before there were heartbeats is as old as its beginning.
func loss(lost moment, restored *time.Time, made time.Time) *Loss {
	l := &Loss{Newest: lost.at.UTC(), Restored: made.UTC(), By: "time of the backup"}
	if restored != nil {
		l.Restored, l.By = restored.UTC(), lost.by
	}
	l.Seconds = max(0, l.Newest.Sub(l.Restored).Seconds())
	return l
}

// control damages what was restored, and a copy of a file, and requires that the same checks
// see each piece of it: a drill whose checks cannot fail has to fail.
func (s *scratch) control(ctx context.Context) error {
	found, err := s.ask(ctx, "control", "--id="+s.part.Backup, "--database="+s.Settings.Database.Name)
	if err != nil {
		return err
	}
	for _, f := range found.Findings {
		s.part.Controls = append(s.part.Controls, Check{f.Name, f.OK, f.Detail})
	}
	return s.controlIndex(ctx)
}

// wrongIndex makes an index that has not got the rows of its table: the function that it was
// made with says something else afterwards.
const wrongIndex = `CREATE FUNCTION public.drydock_control(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n';
CREATE TABLE public.drydock_control_rows AS SELECT generate_series(1, 1000) AS n;
CREATE INDEX drydock_control_index ON public.drydock_control_rows (public.drydock_control(n));
CREATE OR REPLACE FUNCTION public.drydock_control(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT -n';`

func (s *scratch) controlIndex(ctx context.Context) error {
	if text, err := s.inDatabase(ctx, s.psqlWords(wrongIndex)...); err != nil {
		return fmt.Errorf("making a wrong index: %w: %s", err, last(text))
	}
	text, err := s.inDatabase(ctx, s.amcheckWords("--index=public.drydock_control_index")...)
	var exit *engine.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	c := Check{Name: "an index without its rows", OK: err != nil && strings.Contains(text, "drydock_control_index"), Detail: "seen by pg_amcheck"}
	if !c.OK {
		c.Detail = "pg_amcheck did not see it, so that it saw nothing before proves nothing: " + last(text)
	}
	s.part.Controls = append(s.part.Controls, c)
	return nil
}

// outcome notes a program's end: a code other than 0 is a failed check, anything else that
// goes wrong is the step's.
func (s *scratch) outcome(name, said string, err error) error {
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		s.part.check(name, false, last(said+exit.Tail))
		return nil
	}
	return err
}

// service runs the backup service's program in the scratch stack, with the live repository
// mounted read-only. What it says on standard error becomes the end of an ExitError.
func (s *scratch) service(ctx context.Context, words ...string) (string, error) {
	d := s.Settings.Database
	var out, errs bytes.Buffer
	err := s.Engine.RunOnce(ctx, engine.Spec{
		Image: s.v.Refs.Backup, User: "999:999", ReadOnly: true, Tmpfs: map[string]string{"/tmp": "mode=1777,size=64m"},
		CapDrop: []string{"ALL"}, NoNewPrivileges: true, Labels: s.labels(), Pids: 256, StopTimeout: stopTimeout,
		Attach: s.attach(words[0]),
		Mounts: []engine.Mount{
			{Name: s.live + "-backup", Target: "/var/lib/backup", ReadOnly: true},
			{Name: s.v.BackupSecrets, Target: "/run/secrets", ReadOnly: true},
		},
		Env: []string{"BACKUP_READ_ONLY=true", "DB_HOST=db", "DB_PORT=5432", "DB_NAME=" + d.Name, "DB_USER=" + d.User,
			"DB_PASSWORD_FILE=/run/secrets/db_password", "PROJECT=" + s.live, "DRYDOCK_ENV=" + s.Settings.Env},
		Cmd: append([]string{"backup"}, words...),
	}, engine.Streams{Out: &out, Err: &errs})
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		exit.Tail = errs.String()
	}
	return out.String(), err
}

// attach is the network that a verb needs. Reading files needs none, and there is none yet.
func (s *scratch) attach(verb string) []engine.Attach {
	if len(s.part.Checks) == 0 && verb == "examine" {
		return nil
	}
	return []engine.Attach{{Network: s.Settings.Project + "-data"}}
}
