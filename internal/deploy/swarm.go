package deploy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/run"
	"drydock/internal/swarm"
)

// This file deploys to a swarm (ENGINE=swarm). What a release is, the lock, the history and
// the checks before are the same; Swarm replaces the tasks, so there is one colour, and its
// watching and return take the place of ours.

// onSwarm says whether releases run on a swarm.
func (d *Deployer) onSwarm() bool { return d.Stack.Settings.Deploy.Engine == env.EngineSwarm }

// notOnSwarm refuses a target.
func (d *Deployer) notOnSwarm(what, instead string) error {
	if !d.onSwarm() {
		return nil
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("%s does not apply with ENGINE=swarm; %s", what, instead))
}

func (d *Deployer) swarm() *swarm.Swarm {
	s := d.Stack
	return &swarm.Swarm{
		Engine: s.Engine, Name: s.Settings.Project, Env: s.Settings.Inherited(),
		Folder: s.Settings.Path(filepath.Join(".drydock", "swarm")), Err: s.Err,
	}
}

// runSwarm is run for a swarm.
func (d *Deployer) runSwarm(ctx context.Context, w *work) error {
	d.step(Locked, "")
	lock, dead, err := d.acquire(ctx, w.values.Refs.Redis, w.kind, w.release.Version)
	if err != nil {
		return err
	}
	defer lock.release()
	if dead != nil {
		d.say("the last deploy has died (%s); what it began is replaced", dead)
	}
	w.lock = lock
	ctx, stop := lock.guard(ctx)
	defer stop(nil)
	if w.memory, err = d.recall(ctx); err != nil {
		return err
	}
	now, err := d.swarmApps(ctx)
	if err != nil {
		return err
	}
	was := now["backend"].Runs
	same := was[compose.LabelFingerprint] == w.release.Fingerprint.Sum && was[compose.LabelRelease] != ""
	if same {
		// The same thing under another name would be a replacement for nothing.
		w.release.ID, w.release.Version, w.release.Revision = was[compose.LabelRelease], was[compose.LabelVersion], was[compose.LabelRevision]
		w.values.Version = w.release.Version
	}
	w.journal = Journal{
		Kind: w.kind, Release: w.release, To: compose.Blue, Started: time.Now().UTC(), By: d.by(), Host: d.host(),
		From: Release{ID: was[compose.LabelRelease], Version: was[compose.LabelVersion], Revision: was[compose.LabelRevision]},
	}
	if err := w.onNodes(ctx, same); err != nil {
		err = maskedError{d.masked(err.Error()), err}
		outcome := Failed
		if errors.Is(err, swarm.ErrReturned) {
			outcome = Returned
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		if !same {
			if keepErr := w.keep(clean, outcome, err); keepErr != nil {
				d.say("%v", keepErr)
			}
			w.postHook(clean, outcome)
		}
		return fmt.Errorf("%s of %s did not succeed: %w", w.kind, w.release, err)
	}
	if same {
		d.say("nothing to do for the apps: %s serves with these images and settings", w.release.Version)
	} else {
		if err := w.keep(ctx, Live, nil); err != nil {
			return err
		}
		w.postHook(ctx, Live)
		d.say("%s serves, after %s", w.release, time.Since(w.journal.Started).Round(100*time.Millisecond))
	}
	_, err = fmt.Fprintln(d.Stack.Out, w.release.Version)
	return err
}

// swarmStep is one thing to do, with the name that the narration has.
type swarmStep struct {
	name Step
	when bool
	do   func(context.Context) error
}

// onNodes goes through the steps.
func (w *work) onNodes(ctx context.Context, same bool) error {
	d, s := w.d, w.d.Stack.Settings
	var nodes []*engine.Client
	defer func() {
		for _, n := range nodes {
			_ = n.Close() // connections only
		}
	}()
	var in swarm.Input
	apply := func(ctx context.Context, only ...string) error {
		in.Only = only
		stack, err := swarm.Stack(in)
		if err != nil {
			return err
		}
		return d.swarm().Apply(ctx, stack, s.Deploy.Timeout)
	}
	steps := []swarmStep{
		{PreHook, !same && len(s.Deploy.PreHook) > 0, w.preHook},
		{"nodes", true, func(ctx context.Context) (err error) {
			if err = d.dataNode(ctx); err == nil {
				nodes, err = d.otherNodes(ctx)
			}
			return err
		}},
		{"ship", true, func(ctx context.Context) error { return w.toNodes(ctx, nodes) }},
		{"secrets", true, func(ctx context.Context) (err error) { in, err = w.swarmInput(ctx); return err }},
		{Base, true, func(ctx context.Context) error {
			if err := w.samePassword(ctx, in); err != nil {
				return err
			}
			return apply(ctx, "db", "redis", "backup", "gateway")
		}},
		{Save, !same && w.saves(), w.save},
		{Migrate, !same && len(s.Backend.Migrate) > 0, func(ctx context.Context) error { return w.swarmMigrate(ctx, in) }},
		{"update", true, func(ctx context.Context) error { return apply(ctx) }},
		{Smoke, !same, w.swarmSmoke},
		{Prune, true, func(ctx context.Context) error { return w.pruneNodes(ctx, nodes) }},
	}
	for _, step := range steps {
		if !step.when {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		w.stepped, w.journal.Step = time.Now(), step.name
		d.step(step.name, "")
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		w.leave(step.name)
	}
	return nil
}

// dataNode makes sure that exactly one node has the data: this manager, unless somebody has
// chosen another one.
func (d *Deployer) dataNode(ctx context.Context) error {
	me, err := d.Stack.Engine.Member(ctx)
	if err != nil {
		return err
	}
	if !me.Manager {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("the engine at %s is no manager of a swarm; make it one (docker swarm init --advertise-addr ADDRESS), or name one in DOCKER_HOST", d.Stack.Engine.Host()))
	}
	nodes, err := d.Stack.Engine.Nodes(ctx)
	if err != nil {
		return err
	}
	var with []string
	for _, n := range nodes {
		if n.Labels[swarm.LabelData] == d.Stack.Settings.Project {
			with = append(with, n.Name)
		}
	}
	switch len(with) {
	case 1:
		return nil
	case 0:
		d.say("db, redis and backup go to this manager; to have them on another node, before the first deploy: docker node update --label-add %s=%s NODE", swarm.LabelData, d.Stack.Settings.Project)
		return d.Stack.Engine.LabelNode(ctx, me.NodeID, swarm.LabelData, d.Stack.Settings.Project)
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("the nodes %s have the label %s=%s, and the data is on one; remove it from the others: docker node update --label-rm %s NODE", strings.Join(with, ", "), swarm.LabelData, d.Stack.Settings.Project, swarm.LabelData))
}

// otherNodes opens the engines of SWARM_NODES, and checks that no node is left out: a task
// that Swarm puts on a node without the image fails.
func (d *Deployer) otherNodes(ctx context.Context) (opened []*engine.Client, err error) {
	me, err := d.Stack.Engine.Member(ctx)
	if err != nil {
		return nil, err
	}
	reached := map[string]bool{me.NodeID: true}
	for _, host := range d.Stack.Settings.Deploy.Nodes {
		c, err := engine.OpenAs(ctx, host, d.Stack.Settings.Inherited())
		if err != nil {
			return opened, fmt.Errorf("reaching a node of SWARM_NODES: %w", err)
		}
		opened = append(opened, c)
		m, err := c.Member(ctx)
		if err != nil {
			return opened, err
		}
		reached[m.NodeID] = true
	}
	nodes, err := d.Stack.Engine.Nodes(ctx)
	if err != nil {
		return opened, err
	}
	var missing []string
	for _, n := range nodes {
		if n.Ready && n.Active && !reached[n.ID] {
			missing = append(missing, n.Name)
		}
	}
	if len(missing) > 0 {
		return opened, run.WithCode(run.CodeBadInput, fmt.Errorf("SWARM_NODES does not reach the nodes %s, so they would not get the images: add their engines (ssh://user@host), or take them out (docker node update --availability drain NODE)", strings.Join(missing, ", ")))
	}
	return opened, nil
}

// toNodes sends the images to the nodes that lack them.
func (w *work) toNodes(ctx context.Context, nodes []*engine.Client) error {
	r := w.values.Refs
	refs := []string{r.DB, r.Redis, r.Gateway, r.Backup, r.Backend, r.Frontend}
	for _, n := range nodes {
		_, err := image.Ship(ctx, w.d.Stack.Engine, n, refs, image.ShipOptions{Compress: image.Remote(n.Host()), Narrate: w.d.Stack.Err})
		if err != nil {
			return fmt.Errorf("to the node at %s: %w", n.Host(), err)
		}
	}
	return nil
}

// swarmInput is what the stack is made of: the compose projects as compose resolves them.
func (w *work) swarmInput(ctx context.Context) (swarm.Input, error) {
	s := w.d.Stack
	in := swarm.Input{
		Project: s.Settings.Project, Projects: map[string][]byte{},
		Update: swarm.Update{Monitor: max(s.Settings.Deploy.Stable, time.Second).String()},
	}
	var err error
	if in.Secrets, err = s.SwarmSecrets(ctx, w.values.Refs); err != nil {
		return in, err
	}
	w.values.Refs.Migrate = w.values.Refs.Backend
	app := compose.App(s.Settings, w.releaseValues())
	app.Env = append(slices.Clone(app.Env), "COMPOSE_PROFILES=migrate")
	for _, p := range []compose.Project{compose.Base(s.Settings, w.values), app} {
		if in.Projects[p.Name], err = s.Runner().Config(ctx, p); err != nil {
			return in, err
		}
	}
	return in, nil
}

// samePassword refuses another password of the database than its volume has.
func (w *work) samePassword(ctx context.Context, in swarm.Input) error {
	now, err := w.d.swarmApps(ctx)
	if err != nil {
		return err
	}
	for _, x := range in.Secrets["db"] {
		have := now["db"].Runs[swarm.LabelPassword]
		if x.File == "db_password" && have != "" && have != x.Name {
			return run.WithCode(run.CodeBadInput, errors.New("DB_PASSWORD is not the one that the database has, which reads it only when its volume is made; set the old one, or first change it inside (ALTER ROLE) and then remove the service: docker service rm "+w.d.Stack.Settings.Project+"_db"))
		}
	}
	return nil
}

// swarmMigrate runs the migrations to their end, once, somewhere in the swarm.
func (w *work) swarmMigrate(ctx context.Context, in swarm.Input) error {
	name := compose.AppProject(w.d.Stack.Settings, compose.Blue)
	in.Projects = map[string][]byte{name: in.Projects[name]}
	in.Only, in.Commands = []string{"migrate"}, map[string][]string{"migrate": w.d.Stack.Settings.Backend.Migrate}
	stack, err := swarm.Stack(in)
	if err != nil {
		return err
	}
	return w.d.swarm().Job(ctx, "migrate", stack, w.d.Stack.Settings.Deploy.Timeout)
}

// swarmSmoke asks the release through the gateway of this node. It serves already: what it
// answers badly is taken back.
func (w *work) swarmSmoke(ctx context.Context) error {
	s := w.d.Stack.Settings
	live, err := w.d.gateway().Live(ctx)
	if err != nil {
		return err
	}
	// The gateway looks for its members by itself, and may not have found the new ones yet.
	err = w.pools(ctx, w.wanted())
	for _, path := range s.Deploy.SmokePaths {
		if err != nil {
			break
		}
		if _, err = live.Get(ctx, path, false); err != nil {
			err = fmt.Errorf("asking the new release for %s: %w", path, err)
			break
		}
	}
	if err == nil && s.Deploy.VersionPath != "" {
		for range s.Backend.Replicas {
			var body string
			if body, err = live.Get(ctx, s.Deploy.VersionPath, false); err != nil {
				break
			}
			if !answersVersion(body, w.release.Version) {
				err = fmt.Errorf("it answers another version than %s at BACKEND_VERSION_PATH (%s): %.200s", w.release.Version, s.Deploy.VersionPath, strings.TrimSpace(body))
				break
			}
		}
	}
	if err == nil || w.journal.From.ID == "" {
		return err
	}
	if backErr := w.d.swarm().Return(context.WithoutCancel(ctx), w.release.ID); backErr != nil {
		return errors.Join(fmt.Errorf("%w: %w", swarm.ErrMixed, err), backErr)
	}
	return fmt.Errorf("%w: %w", swarm.ErrReturned, err)
}

// pruneNodes removes images that nothing needs any more, on every node. A failure is told.
func (w *work) pruneNodes(ctx context.Context, nodes []*engine.Client) error {
	w.prune(ctx)
	s := w.d.Stack.Settings
	for _, n := range nodes {
		_, err := image.Prune(ctx, n, image.PruneOptions{
			Rules: image.PruneRules{Prefix: s.Image.Prefix, Keep: s.Image.Keep, Pinned: w.memory.Releases.images()},
		})
		if err != nil {
			w.d.say("removing old images on %s: %v", n.Host(), err)
		}
	}
	return nil
}

// swarmApps are the services of the stack.
func (d *Deployer) swarmApps(ctx context.Context) (map[string]engine.Service, error) {
	list, err := d.Stack.Engine.SwarmServices(ctx, d.projectLabel())
	if err != nil {
		return nil, err
	}
	out := map[string]engine.Service{}
	for _, x := range list {
		out[strings.TrimPrefix(x.Name, d.Stack.Settings.Project+"_")] = x
	}
	return out, nil
}

// rollBackSwarm makes the release before serve again. Swarm remembers one.
func (d *Deployer) rollBackSwarm(ctx context.Context, name string) error {
	if name != "" {
		return d.notOnSwarm("TO", "Swarm remembers the one release before; to get to an older one, deploy it from its commit")
	}
	now, err := d.swarmApps(ctx)
	if err != nil {
		return err
	}
	from, to := now["backend"].Runs, now["backend"].Before
	if from == nil || to == nil || to[compose.LabelRelease] == "" || to[compose.LabelRelease] == from[compose.LabelRelease] {
		return run.WithCode(run.CodeBadInput, errors.New("going back: the swarm remembers no earlier release"))
	}
	w := &work{d: d, kind: KindRollback, release: Release{ID: to[compose.LabelRelease], Version: to[compose.LabelVersion], Revision: to[compose.LabelRevision], By: d.by()}}
	redis, ok := now["redis"]
	if !ok {
		return fmt.Errorf("going back: the stack %s has no service redis", d.Stack.Settings.Project)
	}
	lock, _, err := d.acquire(ctx, redis.Image, w.kind, w.release.Version)
	if err != nil {
		return err
	}
	defer lock.release()
	ctx, stop := lock.guard(ctx)
	defer stop(nil)
	w.lock = lock
	if w.memory, err = d.recall(ctx); err != nil {
		return err
	}
	if known, ok := w.memory.Releases.find(w.release.ID); ok {
		w.release = known
	}
	w.journal = Journal{
		Kind: w.kind, Release: w.release, To: compose.Blue, Started: time.Now().UTC(), By: d.by(), Host: d.host(),
		From: Release{ID: from[compose.LabelRelease], Version: from[compose.LabelVersion], Revision: from[compose.LabelRevision]},
	}
	d.step("update", "back to "+w.release.String())
	if err := d.swarm().Return(ctx, from[compose.LabelRelease]); err != nil {
		return err
	}
	if err := w.keep(ctx, Live, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintln(d.Stack.Out, w.release.Version)
	return err
}

// showSwarm writes how the services are; what is not as it shall be is a failure.
func (d *Deployer) showSwarm(ctx context.Context) error {
	now, err := d.swarmApps(ctx)
	if err != nil {
		return err
	}
	nodes, err := d.Stack.Engine.Nodes(ctx)
	if err != nil {
		return err
	}
	names, there := map[string]string{}, 0
	for _, n := range nodes {
		names[n.ID] = n.Name
		if n.Ready && n.Active {
			there++
		}
	}
	var bad []string
	t := tabwriter.NewWriter(d.Stack.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tRUNNING\tVERSION\tRELEASE\tUPDATE\tNODES")
	for _, name := range []string{"gateway", "backend", "frontend", "db", "redis", "backup"} {
		x, ok := now[name]
		if !ok {
			bad = append(bad, name)
			fmt.Fprintf(t, "%s\t-\t-\t-\t-\t-\n", name)
			continue
		}
		tasks, err := d.Stack.Engine.Tasks(ctx, x.ID)
		if err != nil {
			return err
		}
		var on []string
		for _, task := range tasks {
			if task.Wanted && task.State == "running" {
				on = append(on, names[task.Node])
			}
		}
		want := x.Replicas
		if x.Global {
			want = there
		}
		if len(on) < want {
			bad = append(bad, name)
		}
		slices.Sort(on)
		fmt.Fprintf(t, "%s\t%d of %d\t%s\t%s\t%s\t%s\n", name, len(on), want, dash(x.Runs[compose.LabelVersion]), dash(x.Runs[compose.LabelRelease]), dash(x.Update), strings.Join(on, ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(bad) > 0 {
		return fmt.Errorf("not as it shall be: %s; the reasons: docker stack ps --no-trunc %s", strings.Join(bad, ", "), d.Stack.Settings.Project)
	}
	return nil
}
