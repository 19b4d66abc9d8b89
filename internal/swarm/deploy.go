package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"drydock/internal/aside"
	"drydock/internal/engine"
	"drydock/internal/run"
)

// Swarm is a stack on a manager.
type Swarm struct {
	Engine *engine.Client // a manager
	Name   string         // of the stack: the project
	Env    []string       // what the docker command needs of the world
	Folder string         // for the generated file
	Err    io.Writer      // narration
}

// Returned by Apply.
var (
	// ErrReturned: the update failed, and everything is as before it.
	ErrReturned = errors.New("the update failed and was taken back; the release before serves")
	// ErrMixed: the update failed, and could not be taken back everywhere.
	ErrMixed = errors.New("the update failed and could not be taken back everywhere")
)

// undoTime bounds a return to what was before.
const undoTime = 5 * time.Minute

// Apply makes the services of a stack what the text says, and returns when every task is new
// and was watched. If one service fails, all that this call has changed go back: Swarm itself
// rolls back one service at a time, and would leave a mix of two releases (moby/moby 34712);
// the docker command would call that a success (docker/cli 6752).
func (s *Swarm) Apply(ctx context.Context, stack []byte, timeout time.Duration) error {
	wanted, err := hashes(stack)
	if err != nil {
		return err
	}
	before, err := s.services(ctx)
	if err != nil {
		return err
	}
	if err := s.deploy(ctx, stack); err != nil {
		return err
	}
	within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not all of it runs within DEPLOY_TIMEOUT (%s)", timeout))
	defer cancel()
	failure := s.converge(within, wanted)
	if failure == nil {
		return nil
	}
	back, stop := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer stop()
	if err := s.takeBack(back, before, wanted); err != nil {
		return errors.Join(fmt.Errorf("%w: %w", ErrMixed, failure), err)
	}
	if len(before) == 0 {
		return failure // there was nothing to go back to
	}
	return fmt.Errorf("%w: %w", ErrReturned, failure)
}

// hashes reads which containers each service of a stack is to have.
func hashes(stack []byte) (map[string]string, error) {
	var s struct {
		Services map[string]struct {
			Labels map[string]string `yaml:"labels"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal(stack, &s); err != nil {
		return nil, fmt.Errorf("reading the stack: %w", err)
	}
	out := map[string]string{}
	for name, x := range s.Services {
		out[name] = x.Labels[LabelHash]
	}
	return out, nil
}

// deploy has no secret to pass: those are the swarm's already, and the stack names them.
func (s *Swarm) deploy(ctx context.Context, stack []byte) error {
	path := filepath.Join(s.Folder, s.Name+".stack.yaml")
	err := os.MkdirAll(s.Folder, 0o700)
	if err == nil {
		err = aside.WriteBytes(path, 0o600, stack)
	}
	if err != nil {
		return fmt.Errorf("writing the stack: %w", err)
	}
	// Images are named as each node has them; asking a registry for them would fail, or
	// bring others.
	err = run.Run(ctx, run.Cmd{
		Name: "docker", Args: []string{"stack", "deploy", "--resolve-image", "never", "--compose-file", path, s.Name},
		Env: append(slices.Clone(s.Env), s.Engine.CLIEnv()...), Stdout: s.Err, Stderr: s.Err,
	})
	if err != nil {
		return fmt.Errorf("deploying the stack %s: %w", s.Name, err)
	}
	return nil
}

// services are those of the stack, by their names in it.
func (s *Swarm) services(ctx context.Context) (map[string]engine.Service, error) {
	list, err := s.Engine.SwarmServices(ctx, map[string]string{"com.docker.stack.namespace": s.Name})
	if err != nil {
		return nil, err
	}
	out := map[string]engine.Service{}
	for _, x := range list {
		out[strings.TrimPrefix(x.Name, s.Name+"_")] = x
	}
	return out, nil
}

// converge waits until all services have arrived; the first that has not is the failure.
// Managers that do not answer are waited for: they may be choosing another leader.
func (s *Swarm) converge(ctx context.Context, wanted map[string]string) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting, err := s.look(ctx, wanted)
		if errors.Is(err, errFailed) || err == nil && waiting == "" {
			return err
		}
		if err != nil {
			waiting = err.Error()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", context.Cause(ctx), waiting)
		}
	}
}

// errFailed is an update that will not arrive any more.
var errFailed = errors.New("failed")

// look says what is waited for, or fails with what will not come.
func (s *Swarm) look(ctx context.Context, wanted map[string]string) (waiting string, err error) {
	services, err := s.services(ctx)
	if err != nil {
		return "", err
	}
	nodes, err := s.nodes(ctx)
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		hash := wanted[name]
		x, ok := services[name]
		if !ok {
			return "", fmt.Errorf("the service %s %w: it is not there any more; somebody else works on the stack %s", name, errFailed, s.Name)
		}
		tasks, err := s.Engine.Tasks(ctx, x.ID)
		if err != nil {
			return "", err
		}
		switch Judge(x, tasks, hash, nodes) {
		case Arrived:
		case Returned:
			return "", fmt.Errorf("the service %s %w: %s", name, errFailed, Why(x, tasks, hash))
		case Stuck:
			return "", fmt.Errorf("the service %s %w, and Swarm stopped half-way: %s", name, errFailed, Why(x, tasks, hash))
		default:
			waiting = fmt.Sprintf("the service %s is not as it shall be: %s", name, Why(x, tasks, hash))
		}
	}
	return waiting, nil
}

// nodes counts those that a global service is on.
func (s *Swarm) nodes(ctx context.Context) (int, error) {
	list, err := s.Engine.Nodes(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, x := range list {
		if x.Ready && x.Active {
			n++
		}
	}
	return n, nil
}

// takeBack makes every service what it was before, one that is rolling back already too,
// and waits for it.
func (s *Swarm) takeBack(ctx context.Context, before map[string]engine.Service, wanted map[string]string) error {
	old := map[string]string{}
	for name, was := range before {
		if hash, touched := wanted[name]; !touched || was.Runs[LabelHash] == hash {
			continue
		}
		old[name] = was.Runs[LabelHash]
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := s.services(ctx)
		if err != nil {
			return err
		}
		done := true
		for name, hash := range old {
			x, tasks, err := s.serviceNow(ctx, now, name)
			if err != nil {
				return err
			}
			if x.Runs[LabelHash] == hash {
				// A return has no update to wait for when its tasks are there.
				x.Update = ""
				nodes, err := s.nodes(ctx)
				if err != nil {
					return err
				}
				done = done && Judge(x, tasks, hash, nodes) == Arrived
				continue
			}
			done = false
			// Changed between look and call, by Swarm's own return, say: look again.
			if err := s.Engine.RollBackService(ctx, x.ID); err != nil && !errors.Is(err, engine.ErrConflict) && !strings.Contains(err.Error(), "out of sequence") {
				return err
			}
		}
		if done {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("taking the update back: %w; look at it: docker stack ps %s", context.Cause(ctx), s.Name)
		}
	}
}

// Return makes every service whose containers are of a release what it was before, and waits
// for that.
func (s *Swarm) Return(ctx context.Context, release string) error {
	ctx, stop := context.WithTimeout(ctx, undoTime)
	defer stop()
	now, err := s.services(ctx)
	if err != nil {
		return err
	}
	before, wanted := map[string]engine.Service{}, map[string]string{}
	for name, x := range now {
		if x.Runs[labelRelease] != release || x.Before == nil {
			continue
		}
		wanted[name] = x.Runs[LabelHash]
		x.Runs = x.Before
		before[name] = x
	}
	return s.takeBack(ctx, before, wanted)
}

// labelRelease is compose.LabelRelease.
const labelRelease = "drydock.release"

func (s *Swarm) serviceNow(ctx context.Context, now map[string]engine.Service, name string) (engine.Service, []engine.Task, error) {
	x, ok := now[name]
	if !ok {
		return x, nil, fmt.Errorf("taking the update back: the service %s is gone", name)
	}
	tasks, err := s.Engine.Tasks(ctx, x.ID)
	return x, tasks, err
}
