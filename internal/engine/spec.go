package engine

import (
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
)

// Spec describes a container to create.
type Spec struct {
	Name       string // "" lets the engine choose one
	Image      string
	Entrypoint []string // nil keeps the image's
	Cmd        []string // nil keeps the image's
	Env        []string // KEY=value, added to the image's; no secrets: inspect shows them
	User       string   // "" keeps the image's
	Dir        string   // working folder; "" keeps the image's
	Hostname   string
	Labels     map[string]string

	Attach  []Attach // networks; none means no network at all
	Publish []Port

	// Content is a tar archive that is unpacked over the root before the start (RunOnce only).
	Content  io.Reader
	Mounts   []Mount
	Tmpfs    map[string]string // path to options, for example "/tmp": "size=64m"
	ReadOnly bool              // root file system

	CapAdd, CapDrop []string
	NoNewPrivileges bool
	Memory          int64 // bytes; 0 is unlimited. Swap is not given in addition.
	Pids            int64 // 0 is unlimited
	CPUs            float64
	Init            bool // a tiny init as process 1, which reaps and forwards signals

	Restart     string // no, always, unless-stopped, on-failure; "" is no
	StopSignal  string
	StopTimeout time.Duration
	Health      *HealthCheck // nil keeps the image's
	PidOf       string       // share the process namespace of this container, or with "host" of the machine
	LogDriver   string       // "" keeps the engine's default
}

// Attach is a network to join.
type Attach struct {
	// Network is a name or id; "bridge" is the engine's default network, "host" the
	// machine's own, and "container:ID" shares the one of another container.
	Network string
	Aliases []string
	IP      netip.Addr // a fixed address, if valid
}

// HealthCheck replaces the image's. A zero duration or count is the engine's default.
type HealthCheck struct {
	Cmd         []string // run without a shell; exit code 0 is healthy
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration
	Retries     int
}

func (s Spec) configs() (*container.Config, *container.HostConfig, *network.NetworkingConfig, error) {
	exposed, bindings := nat.PortSet{}, nat.PortMap{}
	for _, p := range s.Publish {
		proto := p.Proto
		if proto == "" {
			proto = "tcp"
		}
		port, err := nat.NewPort(proto, strconv.Itoa(p.Container))
		if err != nil {
			return nil, nil, nil, fmt.Errorf("publishing port %d/%s: %w", p.Container, proto, err)
		}
		exposed[port] = struct{}{}
		host := ""
		if p.Host != 0 {
			host = strconv.Itoa(p.Host)
		}
		bindings[port] = append(bindings[port], nat.PortBinding{HostIP: p.HostIP, HostPort: host})
	}
	config := &container.Config{
		Image: s.Image, Entrypoint: s.Entrypoint, Cmd: s.Cmd, Env: s.Env, User: s.User, WorkingDir: s.Dir,
		Hostname: s.Hostname, Labels: maps.Clone(s.Labels), ExposedPorts: exposed, StopSignal: s.StopSignal,
		Healthcheck: s.Health.config(),
	}
	if s.StopTimeout > 0 {
		config.StopTimeout = stopOptions(s.StopTimeout).Timeout
	}
	host := &container.HostConfig{
		PortBindings: bindings, Tmpfs: s.Tmpfs, ReadonlyRootfs: s.ReadOnly,
		CapAdd: s.CapAdd, CapDrop: s.CapDrop,
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyMode(s.Restart)},
		LogConfig:     container.LogConfig{Type: s.LogDriver},
		Resources: container.Resources{
			Memory: s.Memory, MemorySwap: s.Memory, NanoCPUs: int64(s.CPUs * 1e9),
		},
	}
	if s.NoNewPrivileges {
		host.SecurityOpt = []string{"no-new-privileges:true"}
	}
	if s.Pids > 0 {
		host.PidsLimit = &s.Pids
	}
	if s.Init {
		host.Init = &s.Init
	}
	switch s.PidOf {
	case "":
	case "host":
		host.PidMode = "host"
	default:
		host.PidMode = container.PidMode("container:" + s.PidOf)
	}
	for _, m := range s.Mounts {
		host.Mounts = append(host.Mounts, m.config())
	}
	if len(s.Attach) == 0 {
		host.NetworkMode = network.NetworkNone
		return config, host, nil, nil
	}
	// Engines before 25 take one network at creation; the others are connected before
	// the start, see Create.
	first := s.Attach[0]
	host.NetworkMode = container.NetworkMode(first.Network)
	var networking *network.NetworkingConfig
	if first.userDefined() {
		networking = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			first.Network: first.config(),
		}}
	}
	return config, host, networking, nil
}

// userDefined says whether the network is a real one of ours: only those have aliases.
func (a Attach) userDefined() bool {
	return !slices.Contains([]string{"bridge", "host", "none", "default"}, a.Network) &&
		!strings.HasPrefix(a.Network, "container:")
}

func (a Attach) config() *network.EndpointSettings {
	e := &network.EndpointSettings{Aliases: a.Aliases}
	if a.IP.IsValid() {
		e.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: a.IP.String()}
	}
	return e
}

func (m Mount) config() mount.Mount {
	out := mount.Mount{Type: mount.Type(m.Type), Source: m.Name, Target: m.Target, ReadOnly: m.ReadOnly}
	if m.Type == "" {
		out.Type = mount.TypeVolume
	}
	if m.NoCopy && out.Type == mount.TypeVolume {
		out.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
	}
	return out
}

func (h *HealthCheck) config() *container.HealthConfig {
	if h == nil {
		return nil
	}
	return &container.HealthConfig{
		Test: append([]string{"CMD"}, h.Cmd...), Interval: h.Interval, Timeout: h.Timeout,
		StartPeriod: h.StartPeriod, Retries: h.Retries,
	}
}
