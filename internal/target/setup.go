package target

import (
	"context"
	"os"

	"drydock/internal/env"
	"drydock/internal/setup"
)

// Setup installs what is missing.
func Setup(ctx context.Context) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) error { return setup.Run(ctx, setupOptions(s)) })
}

// Doctor looks at the prerequisites.
func Doctor(ctx context.Context) error {
	return Settings(ctx, func(ctx context.Context, s *env.Settings) error { return setup.Doctor(ctx, setupOptions(s)) })
}

func setupOptions(s *env.Settings) setup.Options {
	o := setup.Options{
		Root: s.Root, Host: s.Options.Host, Base: s.Build.Base, DebianMirror: s.Build.DebianMirror,
		Format: s.Options.Format, DryRun: s.Options.DryRun, Project: s.Project,
		Environ: s.Inherited(), Stdout: os.Stdout, Stderr: os.Stderr,
		Ports: []setup.Port{{Bind: s.HTTP.Bind, Number: s.HTTP.Port, Setting: "HTTP_PORT"}},
	}
	if s.Gateway.TLS != "off" {
		o.Ports = append(o.Ports, setup.Port{Bind: s.HTTP.Bind, Number: s.HTTP.TLSPort, Setting: "HTTPS_PORT"})
	}
	if s.Mode == env.Dev {
		o.Ports = append(o.Ports,
			setup.Port{Bind: "127.0.0.1", Number: s.Database.Port, Setting: "DB_PORT"},
			setup.Port{Bind: "127.0.0.1", Number: s.Redis.Port, Setting: "REDIS_PORT"})
	}
	return o
}
