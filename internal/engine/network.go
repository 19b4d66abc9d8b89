package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/network"
)

// Network is one network.
type Network struct {
	ID       string
	Name     string
	Driver   string
	Internal bool // no way out
	Created  time.Time
	Labels   map[string]string
	Subnets  []netip.Prefix
	Gateways []netip.Addr // the engine's own addresses on it
}

// NetworkSpec describes a network to make.
type NetworkSpec struct {
	Name     string
	Internal bool
	Labels   map[string]string
	Driver   string       // "" is bridge
	Subnet   netip.Prefix // chosen by the engine when not valid
}

// EnsureNetwork returns the network of that name, which it creates when it is not
// there. One that is there but differs in what Internal says is an error, because
// isolation would silently not be what was asked for.
func (c *Client) EnsureNetwork(ctx context.Context, s NetworkSpec) (Network, error) {
	o := network.CreateOptions{Driver: s.Driver, Internal: s.Internal, Labels: s.Labels}
	if o.Driver == "" {
		o.Driver = "bridge"
	}
	if s.Subnet.IsValid() {
		o.IPAM = &network.IPAM{Config: []network.IPAMConfig{{Subnet: s.Subnet.String()}}}
	}
	if _, err := c.api.NetworkCreate(ctx, s.Name, o); err != nil {
		if err := c.fail(err, "creating network %s", s.Name); !errors.Is(err, ErrConflict) {
			return Network{}, err
		}
	}
	n, err := c.Network(ctx, s.Name)
	if err != nil {
		return Network{}, err
	}
	if n.Internal != s.Internal {
		return n, &Error{
			Doing: "using network " + s.Name, Kind: ErrConflict,
			Err:  fmt.Errorf("it exists with internal=%t, internal=%t is needed", n.Internal, s.Internal),
			Next: "remove it with `docker network rm " + s.Name + "` once nothing uses it",
		}
	}
	return n, nil
}

// Network inspects one network, by name or id.
func (c *Client) Network(ctx context.Context, name string) (Network, error) {
	in, err := c.api.NetworkInspect(ctx, name, network.InspectOptions{})
	if err != nil {
		return Network{}, c.fail(err, "inspecting network %s", short(name))
	}
	return fromNetwork(in), nil
}

// Networks returns the networks that the filter's labels and names select.
func (c *Client) Networks(ctx context.Context, f Filter) ([]Network, error) {
	list, err := c.api.NetworkList(ctx, network.ListOptions{Filters: labelArgs(f.Labels)})
	if err != nil {
		return nil, c.fail(err, "listing networks")
	}
	var found []Network
	for _, n := range list {
		if len(f.Names) == 0 || slices.Contains(f.Names, n.Name) {
			found = append(found, fromNetwork(n))
		}
	}
	slices.SortFunc(found, func(a, b Network) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// RemoveNetwork removes a network that nothing uses. One that is not there is no error.
func (c *Client) RemoveNetwork(ctx context.Context, name string) error {
	return c.gone(c.fail(c.api.NetworkRemove(ctx, name), "removing network %s", short(name)))
}

// Connect attaches a container, running or not, to a network.
func (c *Client) Connect(ctx context.Context, network, id string, aliases ...string) error {
	return c.connect(ctx, Attach{Network: network, Aliases: aliases}, id)
}

func (c *Client) connect(ctx context.Context, a Attach, id string) error {
	return c.fail(c.api.NetworkConnect(ctx, a.Network, id, a.config()), "connecting container %s to network %s", short(id), short(a.Network))
}

// Disconnect detaches a container from a network. Connections through it break.
func (c *Client) Disconnect(ctx context.Context, network, id string) error {
	return c.fail(c.api.NetworkDisconnect(ctx, network, id, true), "disconnecting container %s from network %s", short(id), short(network))
}

func fromNetwork(in network.Inspect) Network {
	n := Network{ID: in.ID, Name: in.Name, Driver: in.Driver, Internal: in.Internal, Created: in.Created, Labels: in.Labels}
	for _, config := range in.IPAM.Config {
		if p, err := netip.ParsePrefix(config.Subnet); err == nil {
			n.Subnets = append(n.Subnets, p)
		}
		if a := parseAddr(config.Gateway); a.IsValid() {
			n.Gateways = append(n.Gateways, a)
		}
	}
	return n
}
