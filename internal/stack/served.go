package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
)

// Kept is what up reads of a release that a deploy wrote down.
type Kept struct {
	ID       string    `json:"id"`
	Version  string    `json:"version"`
	Revision string    `json:"revision"`
	Backend  KeptImage `json:"backend"`
	Frontend KeptImage `json:"frontend"`
}

// KeptImage is an image of one.
type KeptImage struct {
	Ref string `json:"reference"`
	ID  string `json:"id"`
}

// ReleasesFile is where deploys write them down, in the volume <PROJECT>-deploy: in the order
// in which they went live last.
const ReleasesFile = "releases.json"

// served is the release of a deploy that serves, or did until its containers went away.
type served struct {
	id, version, revision string
	apps                  []engine.Container
	whole                 bool  // both apps have containers, all of this release
	kept                  *Kept // as it was written down; nil: it was not
}

func (r *served) name() string { return fmt.Sprintf("%s (release %s)", r.version, r.id) }

// missing says of which apps there are fewer containers than the settings say, which have to be
// those that it was made with.
func (r *served) missing(s *env.Settings) (list []string) {
	have := map[string]int{}
	for _, c := range r.apps {
		have[c.Service()]++
	}
	for _, app := range []struct {
		name string
		want int
	}{{"backend", s.Backend.Replicas}, {"frontend", s.Frontend.Replicas}} {
		if n := have[app.name]; n < app.want {
			list = append(list, fmt.Sprintf("%d of %d of the %s", n, app.want, app.name))
		}
	}
	return list
}

// image is what an app of it is made from, or "".
func (r *served) image(app string) string {
	for _, c := range r.apps {
		if c.Service() == app && c.Labels[compose.LabelRelease] == r.id {
			return c.ImageID
		}
	}
	switch {
	case r.kept == nil:
		return ""
	case app == "backend":
		return r.kept.Backend.ID
	}
	return r.kept.Frontend.ID
}

// servedBy finds out from the containers of the live colour, and from what was written down,
// which release is to go on. nil: none, since up has made the containers, or nothing was ever
// deployed.
func servedBy(apps []engine.Container, kept []Kept) *served {
	r := &served{apps: apps, whole: true}
	has := map[string]bool{}
	for _, c := range apps {
		has[c.Service()] = true
		id := c.Labels[compose.LabelRelease]
		if r.id == "" && id != "" {
			r.id, r.version, r.revision = id, c.Labels[compose.LabelVersion], c.Labels[compose.LabelRevision]
		}
	}
	if r.id == "" && (len(apps) > 0 || len(kept) == 0) {
		return nil
	}
	if r.id == "" {
		k := kept[len(kept)-1]
		r.id, r.version, r.revision = k.ID, k.Version, k.Revision
	}
	for _, c := range apps {
		r.whole = r.whole && c.Labels[compose.LabelRelease] == r.id
	}
	r.whole = r.whole && has["backend"] && has["frontend"]
	if i := slices.IndexFunc(kept, func(k Kept) bool { return k.ID == r.id }); i >= 0 {
		r.kept = &kept[i]
	}
	return r
}

// served looks which release is to go on on a colour; image is any that the engine has.
func (s *Stack) served(ctx context.Context, colour compose.Colour, image string) (*served, error) {
	apps, err := s.apps(ctx, colour)
	if err != nil {
		return nil, err
	}
	if r := servedBy(apps, nil); r != nil && r.whole || r == nil && len(apps) > 0 {
		return r, nil
	}
	kept, err := s.kept(ctx, image)
	if err != nil {
		return nil, err
	}
	return servedBy(apps, kept), nil
}

// kept reads what deploys have written down.
func (s *Stack) kept(ctx context.Context, image string) ([]Kept, error) {
	text, err := s.Engine.ReadVolumeFile(ctx, image, LockName(s.Settings.Project), ReleasesFile)
	if errors.Is(err, engine.ErrNotFound) {
		return nil, nil // nothing was ever live
	}
	var list []Kept
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("reading which release was live: %w; to make the checkout live: %s", err, s.deployHere())
	}
	return list, nil
}

// deployHere is the command that makes the checkout live.
func (s *Stack) deployHere() string { return s.DeployCommand("deploy:" + string(s.Settings.Mode)) }

// deployed says whether up has to look for a release: there were deploys, which leave a volume.
// In dev nobody is served, and up is the way back from a rehearsal.
func (s *Stack) deployed(ctx context.Context) (bool, error) {
	if s.Settings.Mode != env.Prod {
		return false, nil
	}
	_, err := s.Engine.Volume(ctx, LockName(s.Settings.Project))
	if errors.Is(err, engine.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
