package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"drydock/internal/compose"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/swarm"
)

// This file is what a deploy to a swarm needs of a stack.

// notSwarm refuses what compose does, where Swarm would start again what it stops.
func (s *Stack) notSwarm(what, instead string) error {
	if s.Settings.Deploy.Engine != env.EngineSwarm {
		return nil
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("%s does not apply with ENGINE=swarm; %s", what, instead))
}

// SwarmSecrets makes sure that the swarm has the secrets of every service, and returns how
// each service finds them. A secret's name is made from its content: a changed one is
// another secret, and exactly the services that have it are replaced. The engine's image of
// each app tells who reads them.
func (s *Stack) SwarmSecrets(ctx context.Context, refs compose.Refs) (map[string][]swarm.Secret, error) {
	as := map[string]identity{}
	for _, ref := range []string{refs.Backend, refs.Frontend} {
		img, err := s.Engine.Image(ctx, ref)
		if err != nil {
			return nil, err
		}
		as[ref] = parseUser(img.User)
	}
	certificate, err := s.certificate(time.Now())
	if err != nil {
		return nil, err
	}
	ca, err := s.storageCA()
	if err != nil {
		return nil, err
	}
	list, err := s.Engine.SwarmSecrets(ctx, map[string]string{LabelProject: s.Settings.Project})
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, x := range list {
		have[x.Name] = true
	}
	out := map[string][]swarm.Secret{}
	for _, set := range secretSets(s.Settings, as[refs.Backend], as[refs.Frontend], certificate, ca) {
		for _, file := range slices.Sorted(maps.Keys(set.Files)) {
			name, data := s.swarmSecret(set, file)
			if !have[name] {
				if err := s.Engine.CreateSwarmSecret(ctx, name, s.base(labelSecrets, set.Service), data); err != nil {
					return nil, err
				}
			}
			out[set.Service] = append(out[set.Service], swarm.Secret{Name: name, File: file, UID: set.UID, GID: set.GID, Mode: set.Mode})
		}
	}
	out["migrate"], out["guard"] = out["backend"], out["backup"]
	return out, nil
}

// swarmSecret names one file of a set, in at most 64 characters. Who reads it is no part of
// the name: the service says that. The swarm has no empty secrets, so that one is a line
// break, which readers of secret files take for nothing.
func (s *Stack) swarmSecret(set secretSet, file string) (name string, data []byte) {
	one := secretSet{Service: set.Service, Files: map[string]string{file: set.Files[file]}}
	// The slow hash that the volumes' names have, see secretRounds.
	sum := sha256.Sum256([]byte(one.volume(s.Settings.Project)))
	data = []byte(set.Files[file])
	if len(data) == 0 {
		data = []byte("\n")
	}
	return s.Settings.Project + "-" + set.Service + "-" + hex.EncodeToString(sum[:6]), data
}
