package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/stack"
)

// Bounds of what a drill waits for.
const (
	dataTimeout    = 3 * time.Minute
	backendTimeout = 5 * time.Minute
	cleanTimeout   = 2 * time.Minute
	stopTimeout    = 10 * time.Second
)

// scratch is the stack of one part of a drill.
type scratch struct {
	*stack.Stack
	live string         // project whose backups are mounted
	from *stack.Serving // the release whose backend is started; nil: the checkout's
	part *Part
	v    compose.Values

	db       string // container of the database; "" is compose's
	lost     moment
	newest   func(context.Context) moment // asks for it again
	spared   bool                         // the budget of loss is another part's
	restored *time.Time                   // the heartbeat that came back
	verify   func(context.Context) error
}

// scratch is the stack that a part is restored into. The backend in it is the one that would
// have to work after a recovery: of the release that serves, if a deploy brought it.
func (d *Drill) scratch(p *Part, from *stack.Serving) *scratch {
	settings := *d.Settings
	if from != nil {
		settings.Backend = settings.Backend.As(from.Environ, from.Defaults)
	}
	settings.Project = d.Settings.Project + "-drill"
	settings.Mode = env.Prod // production's images, nothing published
	settings.Options = env.Options{Plain: true, Volumes: true, Yes: true}
	return &scratch{
		from:  from,
		Stack: &stack.Stack{Settings: &settings, Engine: d.Engine, In: strings.NewReader(""), Out: io.Discard, Err: d.Err, Labels: d.Labels},
		live:  d.Settings.Project, part: p,
		verify: func(ctx context.Context) error {
			var said bytes.Buffer
			r := d.remote(io.Discard)
			r.Settings.Options.Backup, r.Err = p.Backup, &said
			if err := r.Verify(ctx); err != nil {
				return fmt.Errorf("%w: %s", err, last(said.String()))
			}
			return nil
		},
	}
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

// up starts services of the scratch stack. When they do not get well, the error is what they say
// of it, since nobody sees them any more: the health check's answer, and their last lines.
func (s *scratch) up(ctx context.Context, p compose.Project, o compose.UpOptions) error {
	err := s.Runner().Up(ctx, p, o)
	if err == nil || ctx.Err() != nil {
		return err
	}
	for _, service := range o.Services {
		list, listErr := s.Troubles(ctx, p.Name, service)
		if listErr != nil {
			return errors.Join(err, listErr)
		}
		if len(list) > 0 {
			return errors.New(told(list[0]))
		}
	}
	return err
}

// told is a trouble as evidence.
func told(t stack.Trouble) string {
	if len(t.Lines) == 0 {
		return t.Reason + "\nit wrote nothing"
	}
	room := maxDetail - len(t.Reason) - len(saidLast) - len("... ")
	return t.Reason + saidLast + lastOf(strings.Join(t.Lines, "\n"), room)
}

const saidLast = "\nits last lines:\n"

// inDatabase runs a program in the scratch database's container.
func (s *scratch) inDatabase(ctx context.Context, cmd ...string) (string, error) {
	id, err := s.database(ctx)
	if err != nil {
		return "", err
	}
	return s.Engine.ExecOutput(ctx, id, cmd...)
}

func (s *scratch) database(ctx context.Context) (string, error) {
	if s.db != "" {
		return s.db, nil
	}
	list, err := s.Engine.Containers(ctx, engine.OfService(s.Settings.Project, "db", engine.Running))
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", errors.New("the scratch database does not run any more")
	}
	return list[0].ID, nil
}

func (s *scratch) labels() map[string]string {
	l := map[string]string{stack.LabelProject: s.Settings.Project}
	for k, v := range s.Labels {
		l[k] = v
	}
	return l
}

// quoteConn makes a name a connection string, so that one with = or blanks is a name still
// (PostgreSQL manual, 32.1.1.1).
func quoteConn(name string) string {
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "'"
}

// maxDetail bounds what of a program's output becomes evidence, in bytes.
const maxDetail = 2000

// last is the end of a text, in whole lines.
func last(text string) string { return lastOf(text, maxDetail) }

func lastOf(text string, most int) string {
	text = strings.TrimSpace(text)
	if len(text) <= most {
		return text
	}
	text = text[len(text)-most:]
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return "... " + text
}
