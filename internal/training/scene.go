package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drydock/internal/backup/store"
	"drydock/internal/env"
)

// Desk is what exercises are done with: the dev stack, as an operator reaches it.
type Desk interface {
	// Ready says what keeps an exercise from starting: another machine's engine, a stack
	// that is not up.
	Ready(context.Context) error
	// SQL asks the live database and returns its rows, columns parted by |.
	SQL(ctx context.Context, query string) (string, error)
	// Shell runs a script in the running container of a service.
	Shell(ctx context.Context, service, script string) (string, error)
	// Backup runs the backup service's program.
	Backup(ctx context.Context, words ...string) (string, error)
	// Board asks for the notes as a page does; the error is what a visitor sees.
	Board(context.Context) error
	backends
	// Nginx has nginx check the checkout's configuration, and with load makes it live. What
	// nginx refuses is told, and no error.
	Nginx(ctx context.Context, load bool) (refused string, err error)
	// Tidy takes away copies and volumes that restores have made since then.
	Tidy(ctx context.Context, since time.Time) error
	// Up starts what does not run or is not well.
	Up(context.Context) error
	Close() error
}

// backends are the containers of the backend.
type backends interface {
	Backends(context.Context) (ids []string, err error)   // that run
	StopBackend(ctx context.Context, id string) error     // as an operator would
	FreezeBackend(ctx context.Context, id string) error   // it runs, and does nothing
	ReviveBackend(ctx context.Context, id string) error   // whatever state it is in
	BackendsWell(context.Context) (why string, err error) // "" when all are
}

// scene is one exercise on a desk.
type scene struct {
	Desk
	*state
	settings *env.Settings
	keep     func() error // writes the state
}

// count is SQL for one number.
func (s *scene) count(ctx context.Context, query string) (n int, err error) {
	text, err := s.SQL(ctx, query)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscan(text, &n); err != nil {
		return 0, fmt.Errorf("reading %q as a number: %w", text, err)
	}
	return n, nil
}

// needsNotes refuses where the reference product's table is missing: with a backend of your
// own there is none.
func needsNotes(ctx context.Context, s *scene) error {
	n, err := s.count(ctx, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('public.notes')")
	if err == nil && n == 0 {
		err = errors.New("this exercise needs the table notes of the reference product, and the database has none")
	}
	return err
}

// dump makes one, and keeps its id before anything else can happen.
func (s *scene) dump(ctx context.Context) error {
	id, err := s.Backup(ctx, "dump")
	if err != nil {
		return fmt.Errorf("making the dump of before: %w", err)
	}
	s.Dump = strings.TrimSpace(id)
	return s.keep()
}

// dumps are the ones of the live database, oldest first.
func (s *scene) dumps(ctx context.Context) (list []store.Backup, err error) {
	text, err := s.Backup(ctx, "list", "--json")
	if err != nil {
		return nil, err
	}
	var all struct{ Backups []store.Backup }
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("reading the list of backups: %w", err)
	}
	for _, b := range all.Backups {
		if b.Kind == store.KindDump && b.Database == s.settings.Database.Name {
			list = append(list, b)
		}
	}
	return list, nil
}

// removeDumps takes the exercise's dump away. The newest good one cannot go, and it must not
// stay either, since it holds rows that never were the product's: so another one is made.
func (s *scene) removeDumps(ctx context.Context) error {
	list, err := s.dumps(ctx)
	if err != nil {
		return err
	}
	var ours []string
	good := false
	for _, b := range list {
		// Of a start that was cut off the id is not known, and nobody else made one since.
		if b.ID == s.Dump || s.Broken.IsZero() && store.Sequence(b.ID) > s.Newest {
			ours, good = append(ours, b.ID), good || b.Good()
		}
	}
	if len(ours) == 0 {
		return nil
	}
	others := slices.ContainsFunc(list, func(b store.Backup) bool {
		return !slices.Contains(ours, b.ID) && b.Good() && store.Sequence(b.ID) > store.Sequence(ours[len(ours)-1])
	})
	if good && !others {
		if _, err := s.Backup(ctx, "dump"); err != nil {
			return fmt.Errorf("making a dump in place of the exercise's: %w", err)
		}
	}
	for _, id := range ours {
		if _, err := s.Backup(ctx, "remove", id); err != nil {
			return fmt.Errorf("removing the exercise's dump: %w", err)
		}
	}
	return nil
}

// dropDatabases drops what restores have made beside the live database since the start.
func (s *scene) dropDatabases(ctx context.Context) error {
	now, err := s.databases(ctx)
	if err != nil {
		return err
	}
	for _, name := range now {
		if strings.HasPrefix(name, s.settings.Database.Name+"_") && !slices.Contains(s.Databases, name) {
			if _, err := s.SQL(ctx, `DROP DATABASE IF EXISTS "`+strings.ReplaceAll(name, `"`, `""`)+`" WITH (FORCE)`); err != nil {
				return fmt.Errorf("dropping a database that was restored: %w", err)
			}
		}
	}
	return nil
}

func (s *scene) databases(ctx context.Context) ([]string, error) {
	text, err := s.SQL(ctx, "SELECT datname FROM pg_database WHERE NOT datistemplate")
	return strings.Fields(text), err
}
