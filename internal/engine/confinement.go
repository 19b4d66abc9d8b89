package engine

import (
	"context"
	"errors"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

// Confinement is what holds a container in: how it is kept apart from the machine and from
// the others.
type Confinement struct {
	Container
	Privileged   bool
	CapAdd       []string // without CAP_, upper case
	CapDrop      []string
	SecurityOpt  []string // as given: no-new-privileges:true, seccomp=unconfined, apparmor=...
	AppArmor     string   // the profile that applies; "" where the kernel has none
	NetworkMode  string   // host, none, default, bridge, container:ID, or a network's name
	PidMode      string   // host, container:ID or ""
	IpcMode      string
	UTSMode      string
	UsernsMode   string
	CgroupParent string
	Devices      []string          // paths on the machine
	Propagation  map[string]string // of bind mounts, by their path on the machine
	Memory       int64             // bytes; 0 is unlimited
	Pids         int64             // 0 is unlimited
	CPUShares    int64             // 0 is the default
	CPUs         float64
	LogDriver    string
	LogOptions   map[string]string
	RestartLimit int // of on-failure
	HasCheck     bool
	Processes    []Process // empty when it does not run
}

// Process is one process of a container as the machine's ps shows it.
type Process struct {
	UID  string // number on the machine
	Args string
}

// Confinement inspects one container and its processes.
func (c *Client) Confinement(ctx context.Context, id string) (Confinement, error) {
	in, err := c.api.ContainerInspect(ctx, id)
	if err != nil {
		return Confinement{}, c.fail(err, "inspecting container %s", short(id))
	}
	out := fromConfined(in)
	if out.State != Running {
		return out, nil
	}
	// The machine's ps, so images without one are seen, too.
	top, err := c.api.ContainerTop(ctx, in.ID, []string{"-eo", "pid,uid,args"})
	switch err := c.fail(err, "listing the processes of container %s", short(id)); {
	case errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound): // it has ended meanwhile
		return out, nil
	case err != nil:
		return Confinement{}, err
	}
	for _, p := range top.Processes {
		if len(p) >= 3 {
			out.Processes = append(out.Processes, Process{UID: p[1], Args: strings.Join(p[2:], " ")})
		}
	}
	return out, nil
}

func fromConfined(in container.InspectResponse) Confinement {
	out := Confinement{Container: fromInspect(in), AppArmor: in.AppArmorProfile, Propagation: map[string]string{}}
	if in.Config != nil && in.Config.Healthcheck != nil {
		test := in.Config.Healthcheck.Test
		out.HasCheck = len(test) > 0 && test[0] != "NONE"
	}
	for _, m := range in.Mounts {
		if m.Type == "bind" {
			out.Propagation[m.Source] = string(m.Propagation)
		}
	}
	h := in.HostConfig
	if h == nil {
		return out
	}
	out.Privileged, out.CapAdd, out.CapDrop, out.SecurityOpt = h.Privileged, caps(h.CapAdd), caps(h.CapDrop), h.SecurityOpt
	out.NetworkMode, out.PidMode, out.IpcMode = string(h.NetworkMode), string(h.PidMode), string(h.IpcMode)
	out.UTSMode, out.UsernsMode, out.CgroupParent = string(h.UTSMode), string(h.UsernsMode), h.CgroupParent
	out.Memory, out.CPUShares, out.CPUs = h.Memory, h.CPUShares, float64(h.NanoCPUs)/1e9
	if h.PidsLimit != nil && *h.PidsLimit > 0 {
		out.Pids = *h.PidsLimit
	}
	for _, d := range h.Devices {
		out.Devices = append(out.Devices, d.PathOnHost)
	}
	for _, d := range h.DeviceRequests {
		out.Devices = append(out.Devices, "driver "+d.Driver)
	}
	out.LogDriver, out.LogOptions, out.RestartLimit = h.LogConfig.Type, h.LogConfig.Config, h.RestartPolicy.MaximumRetryCount
	return out
}

func caps(list []string) []string {
	out := make([]string, 0, len(list))
	for _, c := range list {
		out = append(out, strings.TrimPrefix(strings.ToUpper(c), "CAP_"))
	}
	return out
}

// Daemon is how the engine itself is set up, as far as its API tells.
type Daemon struct {
	Info
	LiveRestore        bool
	Experimental       bool
	Debug              bool
	InsecureRegistries []string // networks and hosts, without loopback
	Authorization      []string // plugins that decide about calls
	BridgeICC          bool     // containers on the default bridge reach each other
}

// Daemon asks the engine how it is set up.
func (c *Client) Daemon(ctx context.Context) (Daemon, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return Daemon{}, err
	}
	in, err := c.api.Info(ctx)
	if err != nil {
		return Daemon{}, c.fail(err, "asking the engine about itself")
	}
	d := Daemon{Info: info, LiveRestore: in.LiveRestoreEnabled, Experimental: in.ExperimentalBuild, Debug: in.Debug, Authorization: in.Plugins.Authorization, BridgeICC: true}
	if r := in.RegistryConfig; r != nil {
		for _, n := range r.InsecureRegistryCIDRs {
			if n != nil && !n.IP.IsLoopback() {
				d.InsecureRegistries = append(d.InsecureRegistries, n.String())
			}
		}
		for host, index := range r.IndexConfigs {
			if index != nil && !index.Secure {
				d.InsecureRegistries = append(d.InsecureRegistries, host)
			}
		}
	}
	bridge, err := c.api.NetworkInspect(ctx, "bridge", network.InspectOptions{})
	switch err := c.fail(err, "inspecting network bridge"); {
	case errors.Is(err, ErrNotFound): // switched off
		d.BridgeICC = false
	case err != nil:
		return Daemon{}, err
	default:
		d.BridgeICC = bridge.Options["com.docker.network.bridge.enable_icc"] != "false"
	}
	return d, nil
}
