package setup

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"drydock/internal/engine"
)

// openEngine connects the way that the caller's environment asks for.
func openEngine(ctx context.Context, o Options) (*engine.Client, error) {
	return engine.OpenAs(ctx, o.host(), o.Environ)
}

func lookEngine(ctx context.Context, o Options, cli Tool) EngineFact {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	c, err := openEngine(ctx, o)
	if err != nil {
		e := EngineFact{State: EngineFailing, Host: hostOf(ctx, o, cli), Err: oneLine(err)}
		e.Local = localHost(e.Host, o)
		switch {
		case errors.Is(err, fs.ErrPermission):
			e.State = EngineDenied
		case errors.Is(err, engine.ErrUnavailable):
			e.State = EngineAbsent
		}
		return e
	}
	defer func() { _ = c.Close() }() // nothing was written

	e := EngineFact{State: EngineAnswers, Host: c.Host(), Local: localHost(c.Host(), o)}
	info, err := c.Info(ctx)
	if err != nil {
		e.State, e.Err = EngineFailing, oneLine(err)
		return e
	}
	e.Name, e.Version, e.API, e.DataRoot = info.Name, info.Version, info.APIVersion, info.RootDir
	if !c.Local() && cli.Path != "" {
		// Another machine has another clock.
		e.Asked = time.Now()
		if out, err := o.ask(ctx, "", cli.Path, "info", "--format", "{{.SystemTime}}"); err == nil {
			if t, err := time.Parse(time.RFC3339Nano, out); err == nil {
				e.Time = t
				e.Asked = e.Asked.Add(time.Since(e.Asked) / 2)
			}
		}
	}
	return e
}

// hostOf names the engine that could not be opened, for the message and for the
// question whether it is ours to start.
func hostOf(ctx context.Context, o Options, cli Tool) string {
	if h := o.host(); h != "" {
		return h
	}
	if cli.Path != "" && cli.Err == "" {
		if out, err := o.ask(ctx, "", cli.Path, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"); err == nil && out != "" {
			return out
		}
	}
	return "unix://" + systemSocket
}

// localHost says whether it is the daemon that setup may start: the system's own
// socket, and no rootless, desktop or remote engine.
func localHost(host string, o Options) bool {
	if host == "unix://"+o.Daemon.socket() {
		return true
	}
	return !o.Daemon.own() && host == "unix:///run/docker.sock" // /var/run is a link to /run
}
