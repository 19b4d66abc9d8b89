package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// wanted is a port that the environment publishes.
type wanted struct {
	Setting string // that changes it
	Bind    string
	Port    int
	Service string
}

func wantedPorts(s *env.Settings) []wanted {
	list := []wanted{{"HTTP_PORT", s.HTTP.Bind, s.HTTP.Port, "gateway"}}
	if s.Gateway.TLS != "off" {
		list = append(list, wanted{"HTTPS_PORT", s.HTTP.Bind, s.HTTP.TLSPort, "gateway"})
	}
	if s.Mode == env.Dev {
		list = append(list,
			wanted{"DB_PORT", "127.0.0.1", s.Database.Port, "db"},
			wanted{"REDIS_PORT", "127.0.0.1", s.Redis.Port, "redis"})
	}
	return list
}

// conflict is a wanted port that something else has.
type conflict struct {
	wanted
	By string
}

// PortsTaken is the error for ports that something else has: all of them at once.
type PortsTaken struct {
	Conflicts []conflict
	EnvFile   string // where the setting is best changed
}

// Error names each port, who has it, and the setting that changes it.
func (e *PortsTaken) Error() string {
	var b strings.Builder
	b.WriteString("checking the ports: ")
	for i, c := range e.Conflicts {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "port %d on %s (for %s) is taken by %s; stop that, or set %s to a free port, for example: echo '%s=%d' >> %s",
			c.Port, c.Bind, c.Service, c.By, c.Setting, c.Setting, suggestion(c.Port), e.EnvFile)
	}
	return b.String()
}

// ExitCode is run.CodeBusy.
func (e *PortsTaken) ExitCode() int { return run.CodeBusy }

// suggestion is another port that is above the privileged ones.
func suggestion(port int) int {
	if port < 1024 {
		return port + 8000
	}
	if port > 65535-10000 {
		return port - 10000
	}
	return port + 10000
}

// checkPorts finds out before anything is started whether the ports are free, or ours.
func (s *Stack) checkPorts(ctx context.Context) error {
	running, err := s.Engine.Containers(ctx, engine.Filter{States: []engine.State{engine.Running, engine.Paused, engine.Restarting}})
	if err != nil {
		return err
	}
	var taken []conflict
	for _, w := range wantedPorts(s.Settings) {
		c, ours := publisher(running, w, s.Settings.Project)
		switch {
		case ours:
			continue
		case c != "":
			taken = append(taken, conflict{w, c})
			continue
		case !s.Engine.Local():
			continue // the engine's machine is another one: its own error is all there is
		}
		by, err := listener(w.Bind, w.Port)
		if err != nil {
			return err
		}
		if by != "" {
			taken = append(taken, conflict{w, by})
		}
	}
	if len(taken) > 0 {
		return &PortsTaken{Conflicts: taken, EnvFile: ".env." + s.Settings.Env + ".local"}
	}
	return nil
}

// publisher finds the container that publishes the port on an address that overlaps.
func publisher(running []engine.Container, w wanted, project string) (by string, ours bool) {
	for _, c := range running {
		for _, p := range c.Ports {
			if p.Host != w.Port || p.Proto != "tcp" || !overlap(p.HostIP, w.Bind) {
				continue
			}
			if c.Labels[LabelProject] == project && c.Service() == w.Service {
				return "", true
			}
			by = "the container " + c.Name
			if name := c.Project(); name != "" {
				by += " (compose project " + name + ")"
			}
		}
	}
	return by, false
}

// overlap says whether two listening addresses exclude each other.
func overlap(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	if errX != nil || errY != nil {
		return true // "" is every address
	}
	return x == y || x.IsUnspecified() || y.IsUnspecified()
}

// listener says which process of this machine has the port, or "".
func listener(bind string, port int) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(bind, strconv.Itoa(port)))
	if err == nil {
		return "", l.Close()
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return process(port), nil
	case errors.Is(err, syscall.EACCES):
		return "", nil // a privileged port, which the engine may open although we may not
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "", run.WithCode(run.CodeBadInput, fmt.Errorf("checking the ports: this machine has no address %s; set HTTP_BIND to one that it has, or to 0.0.0.0", bind))
	}
	return "", fmt.Errorf("checking port %d on %s: %w", port, bind, err)
}
