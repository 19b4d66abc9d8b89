package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"drydock/backend/internal/config"
	"drydock/backend/internal/store"
)

func (p program) migrate(ctx context.Context, args []string) (err error) {
	action, err := p.parseMigrate(args)
	if err != nil {
		return err
	}
	cfg, err := config.Load(p.source)
	if err != nil {
		return err
	}
	limits := store.Limits{
		Lock:      cfg.Migrate.LockTimeout,
		Statement: cfg.Migrate.StatementTimeout,
		Wait:      cfg.Migrate.Wait,
	}
	m, err := store.OpenMigrator(ctx, cfg.Database, limits, func(attempt int, err error) {
		fmt.Fprintf(p.stderr, "attempt %d failed, trying again: %v\n", attempt, err)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return action(ctx, m)
}

type migrateAction func(context.Context, *store.Migrator) error

func (p program) parseMigrate(args []string) (migrateAction, error) {
	switch {
	case args[0] == "up" && len(args) == 1:
		return func(ctx context.Context, m *store.Migrator) error {
			applied, err := m.Up(ctx)
			return p.printApplied(applied, err)
		}, nil
	case args[0] == "down-to" && len(args) == 2:
		version, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: down-to needs a version number, not %q", errUsage, args[1])
		}
		return func(ctx context.Context, m *store.Migrator) error {
			undone, err := m.DownTo(ctx, version)
			return p.printApplied(undone, err)
		}, nil
	case args[0] == "status" && len(args) == 1:
		return p.printStatus, nil
	default:
		return nil, fmt.Errorf("%w: migrate %q", errUsage, args)
	}
}

// printApplied tells what was done, also when it then failed: that part stays done.
func (p program) printApplied(list []store.Applied, failure error) error {
	for _, a := range list {
		verb := "applied"
		if !a.Up {
			verb = "undone"
		}
		if _, err := fmt.Fprintf(p.stdout, "%s %s in %v\n", verb, a.Name, a.Duration.Round(time.Millisecond)); err != nil {
			return errors.Join(failure, err)
		}
	}
	if len(list) == 0 && failure == nil {
		fmt.Fprintln(p.stderr, "nothing to do")
	}
	return failure
}

func (p program) printStatus(ctx context.Context, m *store.Migrator) error {
	list, err := m.Status(ctx)
	if err != nil {
		return err
	}
	if format, _ := p.source.Lookup("FORMAT"); format == "json" {
		return json.NewEncoder(p.stdout).Encode(map[string]any{"migrations": list})
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, migration := range list {
		state := "pending"
		if migration.Applied {
			state = "applied " + migration.At.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\n", migration.Version, migration.Name, state)
	}
	return w.Flush()
}
