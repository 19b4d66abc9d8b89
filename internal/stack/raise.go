package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"drydock/internal/aside"
	"drydock/internal/compose"
	"drydock/internal/engine"
)

// raise brings a project up, returns when it is healthy, and says whether it was as it is to be already.
// Compose needs a third of a second to find that there is nothing to do, and half a second more to
// wait for what is healthy: so it is not asked about what it left like this, and asked to wait only
// where there is something to wait for.
func (s *Stack) raise(ctx context.Context, p compose.Project, timeout time.Duration) (same bool, err error) {
	runner := s.Runner()
	now := raised{}
	now.Input, _ = runner.Input(p)
	list, err := s.Engine.Containers(ctx, engine.OfProject(p.Name))
	if err != nil {
		return false, err
	}
	up := func(o compose.UpOptions) (err error) {
		if err = runner.Up(ctx, p, o); err == nil {
			list, err = s.Engine.Containers(ctx, engine.OfProject(p.Name))
		}
		return err
	}
	if well(list) {
		now.Containers = imprint(list)
		if same, err = s.asLeft(ctx, p.Name, now, list); err != nil {
			return false, err
		}
		if same {
			s.say("%s is as it was: nothing to do", p.Name)
			return true, nil
		}
		if err := up(compose.UpOptions{NoWait: true}); err != nil {
			return false, err
		}
	}
	if !well(list) { // or not any more: compose may have made something anew
		if err := up(compose.UpOptions{Timeout: timeout}); err != nil {
			return false, err
		}
	}
	now.Containers = imprint(list)
	if err := s.noteRaised(p.Name, now); err != nil {
		s.say("the next up of %s takes longer: %v", p.Name, err) // it is up
	}
	return false, nil
}

// raised is what compose was given for a project, and what it left: each container by its id.
type raised struct {
	Input      string            `json:"input"` // "": not known
	Containers map[string]string `json:"containers"`
}

// imprint is what could be changed about containers behind compose's back, which it would mend.
func imprint(list []engine.Container) map[string]string {
	all := map[string]string{}
	for _, c := range list {
		networks := map[string][]string{}
		for _, n := range c.Networks {
			networks[n.ID] = slices.Sorted(slices.Values(n.Aliases))
		}
		all[c.ID] = fmt.Sprintf("%s %v %v", c.ImageID, c.Mounts, networks) // maps are printed in order
	}
	return all
}

// asLeft says whether a project has what compose left when it was given the same, of images that are
// still what their names mean.
func (s *Stack) asLeft(ctx context.Context, project string, now raised, list []engine.Container) (bool, error) {
	var last raised
	text, err := os.ReadFile(s.raisedFile(project))
	if err != nil || json.Unmarshal(text, &last) != nil || last.Input == "" || last.Input != now.Input || !maps.Equal(last.Containers, now.Containers) {
		return false, nil // or nothing was noted, or by another version: compose knows
	}
	ids := map[string]string{}
	for _, c := range list {
		if ids[c.Image] == "" {
			image, err := s.Engine.Image(ctx, c.Image)
			if errors.Is(err, engine.ErrNotFound) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			ids[c.Image] = image.ID
		}
		if ids[c.Image] != c.ImageID {
			return false, nil
		}
	}
	return true, nil
}

func (s *Stack) noteRaised(project string, r raised) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(s.composeFolder(), 0o700)
	}
	if err == nil {
		err = aside.WriteBytes(s.raisedFile(project), 0o600, text)
	}
	if err != nil {
		return fmt.Errorf("noting how %s is left: %w", project, err)
	}
	return nil
}

// raisedFile is beside the generated compose file.
func (s *Stack) raisedFile(project string) string {
	return filepath.Join(s.composeFolder(), project+".raised.json")
}

// well says whether a project has containers, and all of them serve.
func well(list []engine.Container) bool { return len(list) > 0 && !slices.ContainsFunc(list, ailing) }

// ailing is a container that does not serve, or not yet.
func ailing(c engine.Container) bool {
	return c.State != engine.Running || c.Health != engine.Healthy && c.Health != engine.NoHealth
}
