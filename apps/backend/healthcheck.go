package main

import (
	"context"
	"fmt"

	"drydock/backend/internal/config"
	"drydock/backend/internal/probe"
)

func (p program) healthcheck(ctx context.Context) error {
	cfg, err := config.LoadProbe(p.source)
	if err != nil {
		return err
	}
	answer, err := probe.Ask(ctx, fmt.Sprintf("http://127.0.0.1:%d%s", cfg.Port, cfg.HealthPath))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, answer)
	return err
}
