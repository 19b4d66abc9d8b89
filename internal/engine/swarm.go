package engine

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
)

// Member is what an engine is in a swarm.
type Member struct {
	NodeID  string // "" when it is in none
	Manager bool   // only managers can be asked about services
}

// Member asks the engine whether it is in a swarm.
func (c *Client) Member(ctx context.Context) (Member, error) {
	in, err := c.api.Info(ctx)
	if err != nil {
		return Member{}, c.fail(err, "asking the engine about its swarm")
	}
	return Member{NodeID: in.Swarm.NodeID, Manager: in.Swarm.ControlAvailable}, nil
}

// Node is a machine of the swarm, as its managers see it.
type Node struct {
	ID, Name string
	Labels   map[string]string
	Ready    bool // it answers the managers
	Active   bool // it may get tasks
	Manager  bool
}

// Nodes lists the swarm's machines.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	list, err := c.api.NodeList(ctx, swarm.NodeListOptions{})
	if err != nil {
		return nil, c.fail(err, "listing the nodes of the swarm")
	}
	var out []Node
	for _, n := range list {
		out = append(out, Node{
			ID: n.ID, Name: n.Description.Hostname, Labels: n.Spec.Labels, Manager: n.ManagerStatus != nil,
			Ready: n.Status.State == swarm.NodeStateReady, Active: n.Spec.Availability == swarm.NodeAvailabilityActive,
		})
	}
	return out, nil
}

// LabelNode gives a node a label, which placement constraints can ask for.
func (c *Client) LabelNode(ctx context.Context, id, key, value string) error {
	n, _, err := c.api.NodeInspectWithRaw(ctx, id)
	if err != nil {
		return c.fail(err, "looking at the node %s", id)
	}
	if n.Spec.Labels == nil {
		n.Spec.Labels = map[string]string{}
	}
	n.Spec.Labels[key] = value
	return c.fail(c.api.NodeUpdate(ctx, id, n.Version, n.Spec), "labelling the node %s", n.Description.Hostname)
}

// Service is a service of a swarm.
type Service struct {
	ID, Name string
	Labels   map[string]string // of the service
	Runs     map[string]string // labels of its containers, as they are wanted now
	Before   map[string]string // as they were before the last update; nil without one
	Secrets  []string          // names of those that it has now, or had before its last update
	Image    string
	Global   bool // one task on each node, instead of Replicas
	Job      bool // its tasks end
	Replicas int
	Update   string // "" or the state of the last update: updating, completed, rollback_completed, ...
	Message  string // about the update
}

// SwarmServices lists the services with these labels.
func (c *Client) SwarmServices(ctx context.Context, labels map[string]string) ([]Service, error) {
	f := filters.NewArgs()
	for k, v := range labels {
		f.Add("label", k+"="+v)
	}
	list, err := c.api.ServiceList(ctx, swarm.ServiceListOptions{Filters: f})
	if err != nil {
		return nil, c.fail(err, "listing the services of the swarm")
	}
	var out []Service
	for _, s := range list {
		one := Service{ID: s.ID, Name: s.Spec.Name, Labels: s.Spec.Labels}
		if spec := s.Spec.TaskTemplate.ContainerSpec; spec != nil {
			one.Runs, one.Image = spec.Labels, spec.Image
			one.Secrets = secretNames(spec)
		}
		if p := s.PreviousSpec; p != nil && p.TaskTemplate.ContainerSpec != nil {
			one.Before = p.TaskTemplate.ContainerSpec.Labels
			one.Secrets = append(one.Secrets, secretNames(p.TaskTemplate.ContainerSpec)...)
			if one.Before == nil {
				one.Before = map[string]string{}
			}
		}
		switch m := s.Spec.Mode; {
		case m.Global != nil:
			one.Global = true
		case m.Replicated != nil && m.Replicated.Replicas != nil:
			one.Replicas = int(*m.Replicated.Replicas)
		case m.ReplicatedJob != nil:
			one.Job, one.Replicas = true, 1
		}
		if u := s.UpdateStatus; u != nil {
			one.Update, one.Message = string(u.State), u.Message
		}
		out = append(out, one)
	}
	return out, nil
}

func secretNames(spec *swarm.ContainerSpec) (names []string) {
	for _, s := range spec.Secrets {
		names = append(names, s.SecretName)
	}
	return names
}

// Task is one container that a service wants or wanted.
type Task struct {
	Service   string // id
	Node      string // id
	Container string // id; "" before there is one
	Labels    map[string]string
	State     string // new, pending, assigned, preparing, starting, running, complete, failed, rejected, shutdown, orphaned, ...
	Wanted    bool   // it shall run; else it is being replaced
	Error     string
	Since     time.Time // of the state
}

// Tasks lists the tasks of a service, ended ones too, as long as the swarm remembers them.
func (c *Client) Tasks(ctx context.Context, service string) ([]Task, error) {
	list, err := c.api.TaskList(ctx, swarm.TaskListOptions{Filters: filters.NewArgs(filters.Arg("service", service))})
	if err != nil {
		return nil, c.fail(err, "listing the tasks of the service %s", service)
	}
	var out []Task
	for _, t := range list {
		one := Task{
			Service: t.ServiceID, Node: t.NodeID, State: string(t.Status.State), Error: t.Status.Err, Since: t.Status.Timestamp,
			Wanted: t.DesiredState == swarm.TaskStateRunning || t.DesiredState == swarm.TaskStateComplete,
		}
		if t.Spec.ContainerSpec != nil {
			one.Labels = t.Spec.ContainerSpec.Labels
		}
		if t.Status.ContainerStatus != nil {
			one.Container = t.Status.ContainerStatus.ContainerID
		}
		out = append(out, one)
	}
	return out, nil
}

// RollBackService makes a service what it was before its last update. It does not wait.
func (c *Client) RollBackService(ctx context.Context, id string) error {
	s, _, err := c.api.ServiceInspectWithRaw(ctx, id, swarm.ServiceInspectOptions{})
	if err != nil {
		return c.fail(err, "looking at the service %s", id)
	}
	_, err = c.api.ServiceUpdate(ctx, id, s.Version, s.Spec, swarm.ServiceUpdateOptions{Rollback: "previous"})
	return c.fail(err, "rolling back the service %s", s.Spec.Name)
}

// SwarmSecret is a secret of the swarm; nobody can read it back but a container.
type SwarmSecret struct{ ID, Name string }

// SwarmSecrets lists the secrets with these labels.
func (c *Client) SwarmSecrets(ctx context.Context, labels map[string]string) ([]SwarmSecret, error) {
	f := filters.NewArgs()
	for k, v := range labels {
		f.Add("label", k+"="+v)
	}
	list, err := c.api.SecretList(ctx, swarm.SecretListOptions{Filters: f})
	if err != nil {
		return nil, c.fail(err, "listing the secrets of the swarm")
	}
	var out []SwarmSecret
	for _, s := range list {
		out = append(out, SwarmSecret{ID: s.ID, Name: s.Spec.Name})
	}
	return out, nil
}

// CreateSwarmSecret makes a secret: 64 characters of a name, 500 kB of data, at least one
// byte.
func (c *Client) CreateSwarmSecret(ctx context.Context, name string, labels map[string]string, data []byte) error {
	_, err := c.api.SecretCreate(ctx, swarm.SecretSpec{Annotations: swarm.Annotations{Name: name, Labels: labels}, Data: data})
	return c.fail(err, "making the swarm's secret %s", name)
}

// RemoveSwarmSecret removes a secret; one that is gone is fine, one that a service has is an
// error. What a service had before its last update the swarm does not look at.
func (c *Client) RemoveSwarmSecret(ctx context.Context, s SwarmSecret) error {
	return c.gone(c.fail(c.api.SecretRemove(ctx, s.ID), "removing the swarm's secret %s", s.Name))
}
