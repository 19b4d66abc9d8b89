package recovery

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/remote"
	"drydock/internal/backup/store"
	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Recovery restores the physical backups of one environment.
type Recovery struct {
	Stack *stack.Stack
	Out   io.Writer
	Err   io.Writer
}

func (r *Recovery) say(text string) {
	_, _ = fmt.Fprintln(r.Err, "restore:", text) // narration
}

func (r *Recovery) project() string { return r.Stack.Settings.Project }

// beforeInfix is in the names of volumes that keep what a restore replaced.
const beforeInfix = "-db-before-"

// Wanted says whether the options are about a physical backup: a time, a repository, or the id of one.
func (r *Recovery) Wanted(ctx context.Context) (bool, error) {
	o := r.Stack.Settings.Options
	if o.At != "" || o.Repository != "" || strings.HasPrefix(o.Backup, r.project()+beforeInfix) || physical.IsLabel(o.Backup) {
		return true, nil
	}
	if o.Backup == "" {
		return false, nil
	}
	settings := *r.Stack.Settings
	settings.Options.Format = "json"
	var out bytes.Buffer
	if err := (&remote.Remote{Settings: &settings, Engine: r.Stack.Engine, Out: &out, Err: r.Err}).List(ctx); err != nil {
		return false, err
	}
	var list struct{ Backups []struct{ ID, Kind string } }
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		return false, fmt.Errorf("reading the list of backups: %w", err)
	}
	for _, b := range list.Backups {
		if store.Means(o.Backup, b.ID) {
			return b.Kind == "physical", nil
		}
	}
	return false, nil
}

// Restore restores what the options say: into a copy, or with REPLACE in the place of the live database.
func (r *Recovery) Restore(ctx context.Context) error {
	o := r.Stack.Settings.Options
	if len(o.Tables) > 0 || o.Database != "" {
		return run.WithCode(run.CodeBadInput, errors.New("a physical backup is of all databases together: restore it into a copy (without DATABASE and TABLES), and take what you need from there"))
	}
	d := r.Stack.Settings.Database
	source, err := SourceOf(ctx, r.Stack.Engine, r.project(), d.User, d.Name)
	if err != nil {
		return err
	}
	// Two restores that begin in the same second must not share a volume.
	stamp := time.Now().UTC().Format("20060102-150405") + "-" + strings.ToLower(rand.Text()[:4])
	if strings.HasPrefix(o.Backup, r.project()+beforeInfix) {
		return r.goBack(ctx, source, o.Backup, stamp)
	}
	s := Spec{Name: r.project() + "-restored-" + stamp, Source: source, ID: o.Backup, At: o.At, Repository: o.Repository, Labels: r.Stack.ObjectLabels()}
	if o.Replace {
		return r.alone(ctx, source.Backup, func(ctx context.Context) error {
			if err := r.flush(ctx, source); err != nil {
				return err
			}
			return r.replace(ctx, s, stamp)
		})
	}
	if err := r.flush(ctx, source); err != nil {
		return err
	}
	c, err := Copy(ctx, r.Stack.Engine, s, r.say)
	if err != nil {
		return fmt.Errorf("restoring beside the live database: %w", err)
	}
	_, err = fmt.Fprintf(r.Out, `restored backup %s, in %s
  it runs in the container %s, out of the site's way:
    look:    docker exec -it %[3]s psql -U %s -d %s
    a table: docker exec %[3]s pg_dump -U %[4]s -d %[5]s -t TABLE | docker exec -i CONTAINER psql -U %[4]s -d DATABASE
    remove:  docker rm -f %[3]s && docker volume rm %[3]s
`, c.Fetched, c.Recovery.Round(100*time.Millisecond), s.Name, source.User, source.Name)
	return err
}

// flush has the live database archive what it has, so that a time just now is within reach. One
// that does not answer is no reason not to restore.
func (r *Recovery) flush(ctx context.Context, s Source) error {
	list, err := r.Stack.Engine.Containers(ctx, engine.OfService(r.project(), "db", engine.Running))
	if err != nil || len(list) == 0 {
		return err
	}
	if !LeadsOn(ctx, r.Stack.Engine, list[0].ID, s) {
		r.say("the running database is not the one of the backups, or does not say so: its log does not count")
		return nil
	}
	wal, err := psql(ctx, r.Stack.Engine, list[0].ID, s, "SELECT pg_walfile_name(pg_switch_wal())")
	if err != nil {
		r.say("the live database does not answer; restoring from what is there")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		got, err := psql(ctx, r.Stack.Engine, list[0].ID, s, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver")
		if err == nil && len(got) >= 24 && got[:24] >= wal {
			return nil
		}
		if ctx.Err() != nil {
			r.say("the newest log is not archived within 30 s; restoring from what is there")
			return nil
		}
		time.Sleep(pollEvery)
	}
}

// replace puts a backup into the place of the live database.
func (r *Recovery) replace(ctx context.Context, s Spec, stamp string) (err error) {
	e := r.Stack.Engine
	defer func() { err = errors.Join(err, Remove(context.WithoutCancel(ctx), e, s.Name)) }()
	// Everything that can go wrong with the backup does so while the site serves.
	f, err := fetch(ctx, e, s, r.say)
	if err != nil {
		return fmt.Errorf("restoring in place (nothing was changed): %w", err)
	}
	id, err := serve(ctx, e, s)
	if err == nil {
		err = reach(ctx, e, id, s.Source, f, r.say)
	}
	if err == nil {
		r.say("looking at every catalogue of the copy")
		_, err = psql(ctx, e, id, s.Source, "SELECT count(*) FROM pg_class; SELECT pg_database_size(datname) FROM pg_database WHERE datallowconn;")
	}
	if err == nil {
		err = e.Stop(ctx, id, time.Minute)
	}
	if err != nil {
		return fmt.Errorf("restoring in place (nothing was changed): %w", err)
	}
	safety, stopped, err := r.swap(ctx, s.Source, "put", s.Name, stamp)
	if err != nil {
		return err
	}
	if err = r.finish(ctx, s.Source, f); err != nil {
		return r.undo(ctx, s.Source, safety, stopped, err)
	}
	return r.restored(ctx, stopped, fmt.Sprintf("restored backup %s in place\n  what was there is in the volume %s\n    back:   %s\n    remove: docker volume rm %[2]s\n",
		f, safety, r.back(safety)), safety)
}

func (r *Recovery) back(safety string) string {
	return "BACKUP=" + safety + " REPLACE=1 " + r.Stack.Command("backup:restore")
}

// finish ends the recovery on the live files, with the archive on: the new timeline begins there.
func (r *Recovery) finish(ctx context.Context, source Source, f physical.Fetched, settings ...string) (err error) {
	e := r.Stack.Engine
	s := Spec{Name: r.project() + "-db", Source: source, Labels: r.Stack.ObjectLabels()}
	name := r.project() + "-recovering"
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
		defer cancel()
		if rmErr := e.Remove(clean, name); rmErr != nil && !errors.Is(rmErr, engine.ErrNotFound) {
			err = errors.Join(err, rmErr)
		}
	}()
	id, err := startLive(ctx, e, s, settings)
	if err != nil {
		return err
	}
	if err := reach(ctx, e, id, source, f, r.say); err != nil {
		return err
	}
	// The repository may have been another database's meanwhile, made while this one was lost.
	if err := r.adopt(ctx, source); err != nil {
		return err
	}
	if err := promote(ctx, e, id, source, r.say); err != nil {
		return err
	}
	return e.Stop(ctx, id, time.Minute)
}

// startLive is serve for the live files: with the archive, and the volume it writes to.
func startLive(ctx context.Context, e *engine.Client, s Spec, settings []string) (string, error) {
	project := strings.TrimSuffix(s.Name, "-db")
	spec := server(s)
	spec.Cmd = append(spec.Cmd, settings...)
	spec.Name = project + "-recovering"
	spec.Env[0] = "ARCHIVE=on"
	spec.Mounts = append(spec.Mounts,
		engine.Mount{Name: s.Source.Repo, Target: physical.RepoDir},
		engine.Mount{Name: project + "-db-shared", Target: physical.SocketDir},
		engine.Mount{Name: s.Source.Secrets, Target: physical.SecretsDir, ReadOnly: true})
	return start(ctx, e, spec)
}

// adopt gives the repositories to the files that are there now.
func (r *Recovery) adopt(ctx context.Context, s Source) error {
	var errs bytes.Buffer
	err := r.Stack.Engine.RunOnce(ctx, engine.Spec{
		Image: s.Backup, User: "999:999", ReadOnly: true, Tmpfs: map[string]string{"/tmp": "mode=1777,size=64m"},
		CapDrop: []string{"ALL"}, NoNewPrivileges: true, Labels: r.Stack.ObjectLabels(), Attach: []engine.Attach{{Network: s.Out}},
		Mounts: []engine.Mount{
			{Name: s.Records, Target: "/var/lib/backup"}, {Name: s.Repo, Target: physical.RepoDir},
			{Name: r.project() + "-db", Target: physical.DataDir, ReadOnly: true}, {Name: s.Secrets, Target: physical.SecretsDir, ReadOnly: true},
		},
		Env: []string{"DB_PASSWORD_FILE=" + physical.SecretsDir + "/db_password"}, Cmd: []string{"backup", "adopt"},
	}, engine.Streams{Err: &errs})
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("preparing the repositories: %s", plain(errs.String()))
	}
	return err
}

// stop stops who writes, then the database and the backup service, and returns what it has stopped.
func (r *Recovery) stop(ctx context.Context) (stopped []engine.Container, err error) {
	s := r.Stack.Settings
	for _, which := range [][2]string{
		{compose.AppProject(s, compose.Blue), "backend"}, {compose.AppProject(s, compose.Green), "backend"}, {s.Project, "backup"}, {s.Project, "db"},
	} {
		list, err := r.Stack.Engine.Containers(ctx, engine.OfService(which[0], which[1], engine.Running, engine.Restarting))
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			r.say("stopping " + c.Name)
			if err := r.Stack.Engine.Stop(ctx, c.ID, time.Minute); err != nil {
				return nil, err
			}
			stopped = append(stopped, c)
		}
	}
	return stopped, nil
}
