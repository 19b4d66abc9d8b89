package deploy

import (
	"context"
	"fmt"
	"strings"

	"drydock/internal/engine"
	"drydock/internal/image"
	"drydock/internal/run"
	"drydock/internal/swarm"
)

// This file reaches the nodes of a swarm: where the data is, and images for each.

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
