package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"syscall"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/image"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// prepare works out the release that the checkout is, builds what is missing of it, and
// checks everything that can be checked before the lock is taken.
func (d *Deployer) prepare(ctx context.Context) (*work, error) {
	if err := d.space(ctx); err != nil {
		return nil, err
	}
	if err := d.reachable(ctx); err != nil {
		return nil, err
	}
	w, err := d.target(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.checkNginx(ctx); err != nil {
		return nil, err
	}
	m, err := d.recall(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.checkMigrations(m, w.release); err != nil {
		return nil, err
	}
	return w, nil
}

// reachable refuses a release that the running gateway could not reach. In a swarm a deploy
// replaces the gateway, too.
func (d *Deployer) reachable(ctx context.Context) error {
	if d.onSwarm() {
		return nil
	}
	return d.Stack.Reachable(ctx)
}

// checkNginx has nginx check the configuration, where images are made: the base that it
// runs in need not be where the site runs.
func (d *Deployer) checkNginx(ctx context.Context) error {
	g := d.gateway()
	g.Engine = d.Stack.BuildEngine()
	return g.Check(ctx)
}

// target is the release that the checkout is.
func (d *Deployer) target(ctx context.Context) (*work, error) {
	s := d.Stack
	v, err := s.ReleaseValues(ctx, compose.Blue)
	if err != nil {
		return nil, err
	}
	version, err := image.ReadVersion(ctx, s.Settings.Root, s.Settings.Image.Version, s.Settings.Inherited())
	if err != nil {
		return nil, err
	}
	// An image that somebody else built has a version of its own, or none.
	if s.Settings.Backend.Image != "" || v.Version == "" {
		v.Version = version.Tag
	}
	r := Release{ID: newID(time.Now()), Version: v.Version, Revision: version.Revision, By: d.by()}
	if r.Backend, err = d.imageOf(ctx, v.Refs.Backend); err != nil {
		return nil, err
	}
	if r.Frontend, err = d.imageOf(ctx, v.Refs.Frontend); err != nil {
		return nil, err
	}
	if r.Fingerprint, err = compose.AppFingerprint(s.Settings, v, r.Backend.Key, r.Frontend.Key); err != nil {
		return nil, err
	}
	if r.Migrations, err = d.migrationSums(); err != nil {
		return nil, err
	}
	return &work{d: d, kind: KindDeploy, release: r, values: v}, nil
}

func (d *Deployer) imageOf(ctx context.Context, ref string) (Image, error) {
	img, err := d.Stack.Engine.Image(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	return Image{Ref: ref, ID: img.ID, Key: stack.ImageKey(img)}, nil
}

// prepareRollback chooses the release to go back to.
func (d *Deployer) prepareRollback(ctx context.Context, name string) (*work, error) {
	m, err := d.recall(ctx)
	if err != nil {
		return nil, err
	}
	now, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	if !now.Gateway {
		return nil, fmt.Errorf("going back: the gateway does not run; start it: %s", d.Stack.Command("up"))
	}
	r, err := chooseRollback(m, now, name)
	if err != nil {
		return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("%w; the kept releases: %s", err, d.Stack.DeployCommand("deploy:status")))
	}
	for _, i := range []Image{r.Backend, r.Frontend} {
		if _, err := d.Stack.Engine.Image(ctx, i.ID); errors.Is(err, engine.ErrNotFound) {
			return nil, run.WithCode(run.CodeMissing, fmt.Errorf("going back to %s: its image %s is not there any more; deploy the version again from its commit %.12s", r, i.Ref, r.Revision))
		} else if err != nil {
			return nil, err
		}
	}
	redis, err := d.Stack.Services(ctx, d.Stack.Settings.Project, "redis")
	if err != nil {
		return nil, err
	}
	if len(redis) == 0 {
		return nil, fmt.Errorf("going back: Redis is not there; start it: %s", d.Stack.Command("up"))
	}
	// By id: the reference may be another image's by now.
	refs := compose.Refs{Backend: r.Backend.ID, Frontend: r.Frontend.ID, Redis: redis[0].ImageID}
	v, err := d.Stack.KeptValues(ctx, now.Active.Other(), refs, r.Version)
	if err != nil {
		return nil, err
	}
	w := &work{d: d, kind: KindRollback, release: r, values: v}
	if !w.startsAgain(now.Colour(now.Active.Other())) {
		// It is made anew with the settings of now, which have to be the gateway's.
		if err := d.Stack.Reachable(ctx); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// chooseRollback is the pure part.
func chooseRollback(m memory, now Situation, name string) (Release, error) {
	live := now.Colour(now.Active).Release
	if name != "" {
		r, ok := m.Releases.find(name)
		if !ok {
			return Release{}, fmt.Errorf("going back to %s: no release of that name is kept", name)
		}
		if r.ID == live {
			return Release{}, fmt.Errorf("going back to %s: it is what serves now", r)
		}
		return r, nil
	}
	r, ok := m.Releases.before(live)
	if !ok {
		return Release{}, errors.New("going back: no earlier release is kept")
	}
	return r, nil
}

// leastSpace is what has to be free where the engine keeps its data.
const leastSpace = 1 << 30

// space looks at the disk, where it can: a full one breaks the database, too.
func (d *Deployer) space(ctx context.Context) error {
	if !d.Stack.Engine.Local() {
		return nil
	}
	info, err := d.Stack.Engine.Info(ctx)
	if err != nil {
		return err
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(info.RootDir, &fs); err != nil {
		return nil // in a virtual machine, or not ours to see
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < leastSpace {
		return run.WithCode(run.CodeMissing, fmt.Errorf("the disk of the engine (%s) has %d MiB left, and a deploy wants %d; make room: %s", info.RootDir, free>>20, leastSpace>>20, d.Stack.Command("image:prune")))
	}
	return nil
}

// releaseValues are the values of compose with the labels of the release.
func (w *work) releaseValues() compose.Values {
	v := w.values
	v.Colour = w.journal.To
	v.Labels = w.release.labels()
	maps.Copy(v.Labels, w.d.Stack.Labels)
	return v
}
