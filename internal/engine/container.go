package engine

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// State is a container's life cycle as the engine names it.
type State string

// The states.
const (
	Created    State = "created"
	Running    State = "running"
	Paused     State = "paused"
	Restarting State = "restarting" // between an exit and the restart policy's next attempt
	Removing   State = "removing"
	Exited     State = "exited"
	Dead       State = "dead" // the engine could not remove it
)

// Health is the result of a container's health check.
type Health string

// The results. A container whose image and options have no check has NoHealth.
const (
	NoHealth  Health = ""
	Starting  Health = "starting"
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
)

// Container is everything about one container at one moment.
type Container struct {
	ID       string
	Name     string // without the engine's leading slash
	Image    string // as it was asked for when the container was created
	ImageID  string // sha256:...
	State    State
	Health   Health
	ExitCode int  // of the last run
	OOM      bool // the last run was ended for want of memory
	Error    string
	Pid      int // on the engine's machine; 0 when not running
	Created  time.Time
	Started  time.Time // zero when never started
	Finished time.Time // zero when it never ended
	Restarts int       // by the restart policy
	Restart  string    // the restart policy: no, always, unless-stopped, on-failure
	Labels   map[string]string
	Path     string // the program
	Args     []string
	Env      []string
	User     string
	Hostname string
	TTY      bool
	ReadOnly bool  // the root file system
	Memory   int64 // its limit in bytes; 0 is none
	Ports    []Port
	Mounts   []Mount
	Networks []Endpoint
	Checks   []Check // the last health checks, oldest first; the engine keeps five
}

// Port is one published port.
type Port struct {
	Container int    // inside
	Proto     string // tcp, udp or sctp; "" is tcp
	HostIP    string // "" in a Spec is every address
	Host      int    // 0 in a Spec: the engine chooses; 0 in a Container: not published
}

// Mount is one mounted volume or folder.
type Mount struct {
	Type     string // volume, bind or tmpfs; "" in a Spec is volume
	Name     string // the volume's name, or the path on the engine's machine of a bind mount
	Target   string // path inside
	ReadOnly bool
	NoCopy   bool // Spec only: don't fill an empty volume with what the image has at Target
}

// Endpoint is one attachment to a network.
type Endpoint struct {
	Network string // name
	ID      string // of the network
	IP      netip.Addr
	IPv6    netip.Addr
	Gateway netip.Addr
	MAC     string
	Aliases []string // DNS names on this network besides the container's own
}

// Check is one run of the health check.
type Check struct {
	Start, End time.Time
	ExitCode   int
	Output     string
}

// Service is the compose service that the container belongs to, else its name.
func (c Container) Service() string {
	if s := c.Labels["com.docker.compose.service"]; s != "" {
		return s
	}
	return c.Name
}

// Project is the compose project that the container belongs to, or "".
func (c Container) Project() string { return c.Labels["com.docker.compose.project"] }

// Address is the container's address on the named network; on any one for "".
func (c Container) Address(network string) (netip.Addr, bool) {
	for _, e := range c.Networks {
		if (network == "" || e.Network == network || e.ID == network) && e.IP.IsValid() {
			return e.IP, true
		}
	}
	return netip.Addr{}, false
}

// Published is the address on the engine's machine that leads to a port of the
// container. An unspecified host address is given as loopback.
func (c Container) Published(port int) (netip.AddrPort, bool) {
	for _, p := range c.Ports {
		if p.Container != port || p.Host == 0 {
			continue
		}
		ip, err := netip.ParseAddr(p.HostIP)
		if err != nil || ip.IsUnspecified() {
			ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		return netip.AddrPortFrom(ip, uint16(p.Host)), true
	}
	return netip.AddrPort{}, false
}

// Container inspects one container, by id or name.
func (c *Client) Container(ctx context.Context, id string) (Container, error) {
	in, err := c.api.ContainerInspect(ctx, id)
	if err != nil {
		return Container{}, c.fail(err, "inspecting container %s", short(id))
	}
	return fromInspect(in), nil
}

func fromInspect(in container.InspectResponse) Container {
	c := Container{
		ID: in.ID, Name: strings.TrimPrefix(in.Name, "/"), ImageID: in.Image,
		Created: parseTime(in.Created), Restarts: in.RestartCount, Path: in.Path, Args: in.Args,
	}
	if in.Config != nil {
		c.Image, c.Labels, c.Env, c.User = in.Config.Image, in.Config.Labels, in.Config.Env, in.Config.User
		c.Hostname, c.TTY = in.Config.Hostname, in.Config.Tty
	}
	if in.HostConfig != nil {
		c.Restart, c.ReadOnly = string(in.HostConfig.RestartPolicy.Name), in.HostConfig.ReadonlyRootfs
		c.Memory = in.HostConfig.Memory
		for target := range in.HostConfig.Tmpfs {
			c.Mounts = append(c.Mounts, Mount{Type: "tmpfs", Target: target})
		}
	}
	if s := in.State; s != nil {
		c.State, c.ExitCode, c.OOM, c.Error, c.Pid = State(s.Status), s.ExitCode, s.OOMKilled, s.Error, s.Pid
		c.Started, c.Finished = parseTime(s.StartedAt), parseTime(s.FinishedAt)
		if s.Health != nil && s.Health.Status != "none" {
			c.Health = Health(s.Health.Status)
			for _, r := range s.Health.Log {
				c.Checks = append(c.Checks, Check{Start: r.Start, End: r.End, ExitCode: r.ExitCode, Output: r.Output})
			}
		}
	}
	for _, m := range in.Mounts {
		name := m.Name
		if name == "" {
			name = m.Source
		}
		c.Mounts = append(c.Mounts, Mount{Type: string(m.Type), Name: name, Target: m.Destination, ReadOnly: !m.RW})
	}
	slices.SortFunc(c.Mounts, func(a, b Mount) int { return strings.Compare(a.Target, b.Target) })
	if in.NetworkSettings != nil {
		for port, bindings := range in.NetworkSettings.Ports {
			if len(bindings) == 0 {
				c.Ports = append(c.Ports, Port{Container: port.Int(), Proto: port.Proto()})
			}
			for _, b := range bindings {
				host, _ := strconv.Atoi(b.HostPort) // the engine writes numbers
				c.Ports = append(c.Ports, Port{Container: port.Int(), Proto: port.Proto(), HostIP: b.HostIP, Host: host})
			}
		}
		for name, n := range in.NetworkSettings.Networks {
			if n == nil {
				continue
			}
			c.Networks = append(c.Networks, Endpoint{
				Network: name, ID: n.NetworkID, IP: parseAddr(n.IPAddress), IPv6: parseAddr(n.GlobalIPv6Address),
				Gateway: parseAddr(n.Gateway), MAC: n.MacAddress, Aliases: n.Aliases,
			})
		}
	}
	slices.SortFunc(c.Ports, func(a, b Port) int {
		if a.Container != b.Container {
			return a.Container - b.Container
		}
		return strings.Compare(a.HostIP, b.HostIP)
	})
	slices.SortFunc(c.Networks, func(a, b Endpoint) int { return strings.Compare(a.Network, b.Network) })
	return c
}

// parseTime reads the engine's times. It writes year 1 for "never", which is the
// zero time, and so is what cannot be read.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

func parseAddr(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{} // "" when there is none
	}
	return a
}

// short cuts a full id to the 12 characters that people compare; names stay.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" {
		return id[:12]
	}
	return id
}
