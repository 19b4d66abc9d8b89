package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// Down stops and removes containers and networks. The data stays, unless the options
// say VOLUMES=1; then it asks first, or is told YES=1.
func (s *Stack) Down(ctx context.Context) error {
	if err := s.notSwarm("down", "on a manager: docker stack rm "+s.Settings.Project+", which keeps the volumes"); err != nil {
		return err
	}
	if err := s.NotDeploying(ctx); err != nil {
		return err
	}
	volumes := s.Settings.Options.Volumes
	if volumes {
		if err := s.ours(ctx); err != nil {
			return err
		}
	}
	if volumes && !s.Settings.Options.Yes {
		if err := s.confirm(ctx); err != nil {
			return err
		}
	}
	runner := s.Runner()
	values := s.placeholders()
	for _, c := range []compose.Colour{compose.Green, compose.Blue} {
		values.Colour = c
		if !volumes && !s.any(ctx, compose.AppProject(s.Settings, c)) {
			continue
		}
		if err := runner.Down(ctx, compose.App(s.Settings, values), compose.DownOptions{Volumes: volumes}); err != nil {
			return err
		}
	}
	if err := runner.Down(ctx, compose.Base(s.Settings, values), compose.DownOptions{Volumes: volumes}); err != nil {
		return err
	}
	if !volumes {
		s.say("stopped; the data is kept (VOLUMES=1 %s removes it, too)", s.command("down"))
		return nil
	}
	// What compose does not own: the volumes of secrets and caches.
	_, err := s.Engine.RemoveByLabel(ctx, map[string]string{LabelProject: s.Settings.Project}, engine.RemoveOptions{})
	if err != nil {
		return fmt.Errorf("removing what is left of %s: %w", s.Settings.Project, err)
	}
	s.say("stopped and removed, data included")
	return nil
}

// labelFolder is where compose notes the folder of a project's files.
const labelFolder = "com.docker.compose.project.working_dir"

// ours refuses to remove the data of a stack that another checkout has started, or another
// environment: a second clone has the same settings, and the same name for its project.
// Saying the name with the command is enough; that is no accident.
func (s *Stack) ours(ctx context.Context) error {
	if v, ok := s.Settings.Lookup("PROJECT"); ok && v.Origin == env.FromProcess {
		return nil
	}
	list, err := s.containers(ctx)
	if err != nil {
		return err
	}
	if who := stranger(list, s.Settings.Path("compose"), s.Settings.Env); who != "" {
		return run.WithCode(run.CodeBusy, fmt.Errorf("removing the data of %s: %s; run it there, or say which one is meant: PROJECT=%s VOLUMES=1 %s",
			s.Settings.Project, who, s.Settings.Project, s.command("down")))
	}
	return nil
}

// stranger says who else has started one of the containers, or "".
func stranger(list []engine.Container, here, environment string) string {
	for _, c := range list {
		if from := c.Labels[labelFolder]; from != "" && from != here {
			return fmt.Sprintf("it was started from %s, and this is %s", from, here)
		}
		if of := c.Labels[LabelEnv]; of != "" && of != environment {
			return fmt.Sprintf("it was started as environment %s, and this is %s", of, environment)
		}
	}
	return ""
}

// any says whether the compose project has a container. When in doubt it has.
func (s *Stack) any(ctx context.Context, project string) bool {
	list, err := s.Engine.Containers(ctx, engine.OfProject(project))
	return err != nil || len(list) > 0
}

// confirm asks for the project's name: a reflex of the fingers cannot answer that.
func (s *Stack) confirm(ctx context.Context) error {
	s.say("This removes the database and everything else of %q for ever.", s.Settings.Project)
	_, _ = fmt.Fprintf(s.Err, "Type the name to go on: ")
	answer := make(chan string, 1)
	go func() { // reading a terminal cannot be interrupted
		line, _ := bufio.NewReader(s.In).ReadString('\n') // an end without an answer is a no
		answer <- strings.TrimSpace(line)
	}()
	select {
	case got := <-answer:
		if got == s.Settings.Project {
			return nil
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return run.WithCode(run.CodeBadInput, errors.New("asking before the data is removed: the name was not given, so nothing was done; YES=1 answers for a script"))
}

// placeholders resolve the compose files where no value matters.
func (s *Stack) placeholders() compose.Values { return compose.Placeholders(s.Settings, s.Labels) }
