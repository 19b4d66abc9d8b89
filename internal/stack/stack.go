package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
)

// Stack is one environment on one engine.
type Stack struct {
	Settings *env.Settings
	Engine   *engine.Client
	Builder  *engine.Client // makes the images, which then are shipped to Engine; nil: Engine does
	In       io.Reader      // answers to questions, and what psql and redis read
	Out      io.Writer      // results
	Err      io.Writer      // narration

	// Labels are put on everything that is made, besides the project's own.
	Labels map[string]string
}

// The labels that everything of an environment carries.
const (
	LabelProject = "drydock.project"
	LabelEnv     = "drydock.env"
	labelSecrets = "drydock.secrets" // volume with the secrets of the service that it names
	labelCache   = "drydock.cache"   // volume that can be made anew
)

// Open connects to the engine that the settings name.
func Open(ctx context.Context, s *env.Settings, in io.Reader, out, errw io.Writer) (*Stack, error) {
	c, err := engine.OpenAs(ctx, s.Options.Host, s.Inherited())
	if err != nil {
		return nil, err
	}
	st := &Stack{Settings: s, Engine: c, In: in, Out: out, Err: errw}
	if host := s.Deploy.BuildHost; host != "" && host != c.Host() {
		if st.Builder, err = engine.OpenAs(ctx, host, s.Inherited()); err != nil {
			return nil, errors.Join(fmt.Errorf("opening the engine of BUILD_HOST: %w", err), c.Close())
		}
	}
	return st, nil
}

// Close releases the engines.
func (s *Stack) Close() error {
	err := s.Engine.Close()
	if s.Builder != nil {
		err = errors.Join(err, s.Builder.Close())
	}
	return err
}

// Runner is how this environment calls compose.
func (s *Stack) Runner() *compose.Runner {
	return &compose.Runner{
		Env:    append(s.Settings.Inherited(), s.Engine.CLIEnv()...),
		Folder: s.composeFolder(),
		Stdin:  s.In,
		Stdout: s.Err, // compose's own lines are narration
		Stderr: s.Err,
		Plain:  s.Settings.Options.Plain,
		Redact: s.secretValues(),
	}
}

// composeFolder is where the generated compose files are, and how projects were left.
func (s *Stack) composeFolder() string { return s.Settings.Path(filepath.Join(".drydock", "compose")) }

// secretValues is what must not appear in any output.
func (s *Stack) secretValues() []string {
	p := s.Settings.Backup.Physical
	list := []string{s.Settings.Database.Password.Reveal(), s.Settings.Redis.Password.Reveal(), p.Key.Reveal(), p.S3.SecretKey.Reveal()}
	for _, a := range []env.App{s.Settings.Backend, s.Settings.Frontend} {
		for _, v := range a.Secrets {
			list = append(list, v.Reveal())
		}
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(v string) bool { return v == "" })
}

// owner is the uid:gid that the checkout belongs to.
func (s *Stack) owner() (uid, gid uint32, err error) {
	info, err := os.Stat(s.Settings.Root)
	if err != nil {
		return 0, 0, fmt.Errorf("finding the owner of the checkout: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("finding the owner of %s: %w", s.Settings.Root, fs.ErrInvalid)
	}
	return st.Uid, st.Gid, nil
}

// base are the labels of an object of this environment.
func (s *Stack) base(more ...string) map[string]string {
	l := map[string]string{LabelProject: s.Settings.Project, LabelEnv: s.Settings.Env}
	for k, v := range s.Labels {
		l[k] = v
	}
	for i := 0; i+1 < len(more); i += 2 {
		l[more[i]] = more[i+1]
	}
	return l
}

// containers are all containers of this environment, stopped ones too.
func (s *Stack) containers(ctx context.Context) ([]engine.Container, error) {
	return s.Engine.Containers(ctx, engine.Filter{Labels: map[string]string{LabelProject: s.Settings.Project}})
}

// service are the containers of a service of one compose project, in any of the states;
// none given: in all.
func (s *Stack) service(ctx context.Context, project, service string, states ...engine.State) ([]engine.Container, error) {
	return s.Engine.Containers(ctx, engine.OfService(project, service, states...))
}

// container is the one running container of a service of the base project.
func (s *Stack) container(ctx context.Context, service string) (engine.Container, error) {
	list, err := s.service(ctx, s.Settings.Project, service, engine.Running)
	if err != nil {
		return engine.Container{}, err
	}
	if len(list) == 0 {
		return engine.Container{}, fmt.Errorf("looking for %s of %s: it is not running; start it: %s", service, s.Settings.Project, s.command("up"))
	}
	return list[0], nil
}

// command is how a person calls a target for this environment.
func (s *Stack) command(target string) string {
	c := "go tool mage " + target
	if s.Settings.Env != "dev" {
		c = "ENV=" + s.Settings.Env + " " + c
	}
	return c
}

func (s *Stack) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Err, format+"\n", args...) // narration; a closed terminal must not stop the work
}
