package engine

import (
	"context"
	"slices"
	"strings"
)

// Info is what an engine says about itself and its machine.
type Info struct {
	Name            string // host name
	Version         string // of the engine, for example 28.5.2
	APIVersion      string // negotiated
	OS              string // linux
	OperatingSystem string // as in os-release
	Architecture    string // as uname says: x86_64, aarch64
	Kernel          string
	StorageDriver   string
	LoggingDriver   string
	CgroupDriver    string
	CgroupVersion   string // 1 or 2
	Memory          int64  // bytes
	CPUs            int
	RootDir         string // where the engine keeps its data
	SecurityOptions []string
	Swarm           string // inactive, active, ...
	Warnings        []string
}

// Rootless says whether the engine runs without root.
func (i Info) Rootless() bool {
	return slices.ContainsFunc(i.SecurityOptions, func(o string) bool { return strings.Contains(o, "name=rootless") })
}

// Info asks the engine about itself.
func (c *Client) Info(ctx context.Context) (Info, error) {
	in, err := c.api.Info(ctx)
	if err != nil {
		return Info{}, c.fail(err, "asking the engine about itself")
	}
	return Info{
		Name: in.Name, Version: in.ServerVersion, APIVersion: c.api.ClientVersion(),
		OS: in.OSType, OperatingSystem: in.OperatingSystem, Architecture: in.Architecture, Kernel: in.KernelVersion,
		StorageDriver: in.Driver, LoggingDriver: in.LoggingDriver,
		CgroupDriver: in.CgroupDriver, CgroupVersion: in.CgroupVersion,
		Memory: in.MemTotal, CPUs: in.NCPU, RootDir: in.DockerRootDir,
		SecurityOptions: in.SecurityOptions, Swarm: string(in.Swarm.LocalNodeState), Warnings: in.Warnings,
	}, nil
}

// Ping checks that the engine still answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.api.Ping(ctx)
	return c.fail(err, "reaching the Docker engine at %s", c.host)
}
