package main

import (
	"context"
	"fmt"

	"drydock/backend/internal/probe"
)

func (p program) healthcheck(ctx context.Context) error {
	address, err := probe.Address(p.source.Lookup)
	if err != nil {
		return err
	}
	answer, err := probe.Ask(ctx, address)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, answer)
	return err
}
