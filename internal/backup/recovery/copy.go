// Package recovery brings a database back from its physical backups, from an operator's
// machine: into a copy beside the live one, or in its place.
//
// It owns the containers and volumes of that, and the order of the steps. What is fetched and
// which backup leads to a time is the backup service's work (packages backup and physical).
//
// Nothing begins in the live database. A copy is brought up out of the site's way, and looked
// at; only then, and only for REPLACE, its files take the place of the live ones, of which a
// copy is kept.
package recovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/engine"
	"drydock/internal/run"
)

// Spec is what to bring up, and from where.
type Spec struct {
	Name       string // of the container and of its volume; a volume that exists must be empty
	Source     Source
	ID         string // of a physical backup, or pgBackRest's label: the state at its end, if At is empty
	At         string // a time with its offset, or latest; "" without an ID is latest
	Repository string // local or s3; "" is the first that can do it
	Network    string // for the server: "" is none at all, and it is reached with `docker exec`
	Aliases    []string
	Labels     map[string]string
}

// Source is where backups come from: the images and volumes of one environment.
type Source struct {
	DB, Backup string // images
	Records    string // volume with the records
	Repo       string // volume of the local repository
	Secrets    string // volume with the secrets of the backup service
	Out        string // network that leads to the S3 storage; "" is none
	User, Name string // superuser and database
}

// SourceOf looks at a running environment, or one that was stopped.
func SourceOf(ctx context.Context, e *engine.Client, project, user, name string) (Source, error) {
	s := Source{Records: project + "-backup", Repo: project + "-repo", Out: project + "-out", User: user, Name: name}
	for service, image := range map[string]*string{"db": &s.DB, "backup": &s.Backup} {
		list, err := e.Containers(ctx, engine.OfService(project, service))
		if err != nil {
			return s, err
		}
		if len(list) == 0 {
			return s, run.WithCode(run.CodeMissing, fmt.Errorf("looking for the service %s of %s: it has no container; start the environment first: go tool mage up", service, project))
		}
		*image = list[0].Image
		for _, m := range list[0].Mounts {
			if service == "backup" && m.Target == physical.SecretsDir {
				s.Secrets = m.Name
			}
		}
	}
	return s, nil
}

// Copied is a database that runs.
type Copied struct {
	physical.Fetched
	Container, Volume string
	Recovery          time.Duration // from the first step to the server that can be written to
}

// Bounds of waiting.
const (
	cleanTimeout = 2 * time.Minute
	pollEvery    = 200 * time.Millisecond
)

// Copy fetches a backup into a new volume, starts a server on it, and waits until it has
// everything up to the target and can be written to. Its log is archived nowhere
// (pgbackrest 1616). After an error nothing of it is left.
func Copy(ctx context.Context, e *engine.Client, s Spec, say func(string)) (_ Copied, err error) {
	begin := time.Now()
	c := Copied{Volume: s.Name}
	defer func() {
		if err != nil {
			err = errors.Join(err, Remove(context.WithoutCancel(ctx), e, s.Name))
		}
	}()
	if c.Fetched, err = fetch(ctx, e, s, say); err != nil {
		return c, err
	}
	if c.Container, err = serve(ctx, e, s); err != nil {
		return c, err
	}
	if err := reach(ctx, e, c.Container, s.Source, c.Fetched, say); err != nil {
		return c, err
	}
	if err := promote(ctx, e, c.Container, s.Source, say); err != nil {
		return c, err
	}
	c.Recovery = time.Since(begin)
	return c, nil
}

// Remove removes a copy: the container and the volume.
func Remove(ctx context.Context, e *engine.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, cleanTimeout)
	defer cancel()
	if err := e.Remove(ctx, name); err != nil && !errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("removing the copy %s: %w", name, err)
	}
	if err := e.RemoveVolume(ctx, name); err != nil && !errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("removing the copy %s: %w", name, err)
	}
	return nil
}

// fetch has the backup service's program fill the volume. The repository is mounted read-only.
func fetch(ctx context.Context, e *engine.Client, s Spec, say func(string)) (f physical.Fetched, err error) {
	if _, err := e.EnsureVolume(ctx, s.Name, s.Labels); err != nil {
		return f, err
	}
	say("fetching the backup into the volume " + s.Name)
	err = program(ctx, e, s, &f, "fetch", "--to="+physical.RestoreDir)
	return f, err
}

// program runs a verb of cmd/backup about the spec's target, with the volume at hand.
func program(ctx context.Context, e *engine.Client, s Spec, answer any, verb string, words ...string) error {
	for flag, value := range map[string]string{"id": s.ID, "at": s.At, "repository": s.Repository} {
		if value != "" {
			words = append(words, "--"+flag+"="+value)
		}
	}
	spec := engine.Spec{
		Image: s.Source.Backup, User: "999:999", ReadOnly: true, Tmpfs: map[string]string{"/tmp": "mode=1777,size=64m"},
		CapDrop: []string{"ALL"}, NoNewPrivileges: true, Labels: s.Labels,
		Mounts: []engine.Mount{
			{Name: s.Source.Records, Target: "/var/lib/backup", ReadOnly: true},
			{Name: s.Source.Repo, Target: physical.RepoDir, ReadOnly: true},
			{Name: s.Source.Secrets, Target: physical.SecretsDir, ReadOnly: true},
		},
		Env: []string{"BACKUP_READ_ONLY=true", "DB_PASSWORD_FILE=" + physical.SecretsDir + "/db_password"},
		Cmd: append([]string{"backup", verb}, words...),
	}
	if s.Name != "" {
		spec.Mounts = append(spec.Mounts, engine.Mount{Name: s.Name, Target: physical.RestoreDir})
	}
	if s.Source.Out != "" {
		spec.Attach = []engine.Attach{{Network: s.Source.Out}}
	}
	var out, errs bytes.Buffer
	err := e.RunOnce(ctx, spec, engine.Streams{Out: &out, Err: &errs})
	var exit *engine.ExitError
	if errors.As(err, &exit) {
		return run.WithCode(exit.Code, errors.New(plain(errs.String())))
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out.Bytes(), answer); err != nil {
		return fmt.Errorf("reading what backup %s answered: %w", verb, err)
	}
	return nil
}

// plain is what the program said, without its log.
func plain(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "{") {
			lines = append(lines, strings.TrimPrefix(line, "backup: "))
		}
	}
	return strings.Join(lines, "\n")
}

// server is a server on the volume.
func server(s Spec) engine.Spec {
	return engine.Spec{
		Name: s.Name, Image: s.Source.DB, User: "999:999", ReadOnly: true, CapDrop: []string{"ALL"}, NoNewPrivileges: true, Labels: s.Labels, Init: true,
		Tmpfs:  map[string]string{"/tmp": "mode=1777,size=64m", "/run/postgresql": "uid=999,gid=999,mode=0755,size=1m"},
		Mounts: []engine.Mount{{Name: s.Name, Target: physical.DataDir}},
		Env:    []string{"ARCHIVE=off", "POSTGRES_USER=" + s.Source.User, "POSTGRES_DB=" + s.Source.Name},
		Cmd:    []string{"postgres", "-c", "hot_standby=on"}, StopTimeout: time.Minute,
	}
}

// serve starts a server that archives nothing: that is said twice.
func serve(ctx context.Context, e *engine.Client, s Spec) (string, error) {
	spec := server(s)
	if s.Network != "" {
		spec.Attach = []engine.Attach{{Network: s.Network, Aliases: s.Aliases}}
	}
	spec.Cmd = append(spec.Cmd, "-c", "archive_mode=off")
	return start(ctx, e, spec)
}

func start(ctx context.Context, e *engine.Client, spec engine.Spec) (string, error) {
	id, err := e.Create(ctx, spec)
	if err != nil {
		return "", err
	}
	return id, e.Start(ctx, id)
}

// psql asks over the socket inside of the container.
func psql(ctx context.Context, e *engine.Client, container string, s Source, sql string) (string, error) {
	var out bytes.Buffer
	err := e.Exec(ctx, container, engine.Command{
		Cmd:     []string{"psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", s.User, "-d", "postgres"},
		Streams: engine.Streams{In: strings.NewReader(sql), Out: &out, Err: io.Discard},
	})
	return strings.TrimSpace(out.String()), err
}
