package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"drydock/internal/compose"
	"drydock/internal/lease"
	"drydock/internal/run"
)

// This file takes a release of a swarm back, and shows what runs there.

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
	defer lock.Release()
	ctx, stop := lock.Guard(ctx)
	defer stop(nil)
	w.lock = lock
	if w.memory, err = d.recall(ctx); err != nil {
		return err
	}
	if known, ok := w.memory.Releases.find(w.release.ID); ok {
		w.release = known
	}
	w.journal = Journal{
		Kind: w.kind, Release: w.release, To: compose.Blue, Started: time.Now().UTC(), By: d.by(), Host: lease.Host(),
		From: Release{ID: from[compose.LabelRelease], Version: from[compose.LabelVersion], Revision: from[compose.LabelRevision]},
	}
	w.notify(ctx, started, nil)
	d.step("update", "back to "+w.release.String())
	if err := d.swarm().Return(ctx, from[compose.LabelRelease]); err != nil {
		return w.failedOnSwarm(ctx, Stuck, err)
	}
	if err := w.liveOnSwarm(ctx); err != nil {
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
	services := []string{"gateway", "backend", "frontend", "db", "redis", "backup"}
	if d.Stack.Settings.NoLoss() {
		services = append(services, "guard")
	}
	for _, name := range services {
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
