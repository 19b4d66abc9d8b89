package deploy

import (
	"context"
	"slices"
	"strings"

	"drydock/internal/engine"
	"drydock/internal/swarm"
)

// This file bounds the secrets that releases leave in a swarm: a changed one is another one.

// pruneSecrets removes the secrets of the environment that neither the services as they are
// now, nor as a rollback would make them, have. A failure is only told.
func (w *work) pruneSecrets(ctx context.Context, in swarm.Input) {
	e := w.d.Stack.Engine
	services, err := e.SwarmServices(ctx, nil) // somebody else's may have them, too
	if err != nil {
		w.d.say("removing old secrets: %v", err)
		return
	}
	have, err := e.SwarmSecrets(ctx, w.d.projectLabel())
	if err != nil {
		w.d.say("removing old secrets: %v", err)
		return
	}
	n := 0
	for _, s := range oldSecrets(w.d.Stack.Settings.Project, have, services, in.Secrets) {
		if err := e.RemoveSwarmSecret(ctx, s); err != nil {
			w.d.say("removing old secrets: %v", err)
			continue
		}
		n++
	}
	if n > 0 {
		w.d.say("removed %d old secrets", n)
	}
}

// oldSecrets are those of a project that no service has or had before its last update, and
// the release that was just deployed has not. It is pure.
func oldSecrets(project string, have []engine.SwarmSecret, services []engine.Service, now map[string][]swarm.Secret) (old []engine.SwarmSecret) {
	used := map[string]bool{}
	for _, x := range services {
		for _, name := range x.Secrets {
			used[name] = true
		}
	}
	for _, list := range now {
		for _, s := range list {
			used[s.Name] = true
		}
	}
	for _, s := range have {
		if strings.HasPrefix(s.Name, project+"-") && !used[s.Name] {
			old = append(old, s)
		}
	}
	slices.SortFunc(old, func(a, b engine.SwarmSecret) int { return strings.Compare(a.Name, b.Name) })
	return old
}
