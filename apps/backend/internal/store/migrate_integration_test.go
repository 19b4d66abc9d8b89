//go:build integration

package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"drydock/backend/internal/config"
	"drydock/backend/internal/testenv"
)

func TestMigrateUpStatusDown(t *testing.T) {
	c := testenv.Config(t)
	m := openMigrator(t, c)
	probe := NewProbe(openPool(t, c, 1))

	var schema *SchemaError
	if err := probe.Check(t.Context()); !errors.As(err, &schema) || schema.Have != 0 || schema.Want != Latest() {
		t.Errorf("before: got %v", err)
	}
	applied, err := m.Up(t.Context())
	if err != nil || int64(len(applied)) != Latest() || !applied[0].Up || applied[0].Name != "00001_notes.sql" {
		t.Errorf("got %+v, %v", applied, err)
	}
	if err := probe.Check(t.Context()); err != nil {
		t.Errorf("after: got %v", err)
	}
	if again, err := m.Up(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("again: got %+v, %v", again, err)
	}

	undone, err := m.DownTo(t.Context(), 1)
	if err != nil || int64(len(undone)) != Latest()-1 || undone[0].Up {
		t.Errorf("got %+v, %v", undone, err)
	}
	if err := probe.Check(t.Context()); !errors.As(err, &schema) || schema.Have != 1 {
		t.Errorf("down: got %v", err)
	}
	list, err := m.Status(t.Context())
	if err != nil || int64(len(list)) != Latest() || !list[0].Applied || list[1].Applied || list[0].At.IsZero() {
		t.Errorf("got %+v, %v", list, err)
	}
	for _, version := range []int64{-1, Latest() + 1} {
		if _, err := m.DownTo(t.Context(), version); err == nil {
			t.Errorf("down to %d was accepted", version)
		}
	}
	if _, err := m.DownTo(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Errorf("up after down: %v", err)
	}
}

// During a deploy the old release serves on the schema of the new one.
func TestNewerSchemaIsReady(t *testing.T) {
	c := testenv.Config(t)
	migrate(t, c)
	testenv.Exec(t, c.Database, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, Latest()+1)
	if err := NewProbe(openPool(t, c, 1)).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestManyMigratorsAtOnce(t *testing.T) {
	c := testenv.Config(t)
	var applied atomic.Int64
	var all sync.WaitGroup
	for range 5 {
		m := openMigrator(t, c)
		all.Go(func() {
			list, err := m.Up(t.Context())
			if err != nil {
				t.Error(err)
			}
			applied.Add(int64(len(list)))
		})
	}
	all.Wait()
	if applied.Load() != Latest() {
		t.Errorf("%d migrations were applied, there are %d", applied.Load(), Latest())
	}
}

// blockCounters lets a transaction hold the table that the newest migration's undoing needs.
func blockCounters(t *testing.T, c *config.Config) (release func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.ConnectConfig(ctx, c.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(ctx) })
	if _, err := conn.Exec(ctx, `BEGIN; SELECT * FROM counters`); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.Exec(ctx, `COMMIT`); err != nil {
			t.Error(err)
		}
	}
}

// A migration that waits for a lock makes all later queries wait behind it. It must give way and try again.
func TestMigrationGivesWayToLiveTraffic(t *testing.T) {
	c := testenv.Config(t)
	migrate(t, c)
	release := blockCounters(t, c)

	attempts := make(chan error, 10)
	m := openMigrator(t, c)
	m.retry.notify = func(_ int, err error) { attempts <- err }
	m.retry.pause = func(int) time.Duration { return 10 * time.Millisecond }
	m.retry.attempts = 1000
	done := make(chan error, 1)
	go func() {
		_, err := m.DownTo(t.Context(), 1)
		done <- err
	}()
	if err := <-attempts; !isLockTimeout(err) {
		t.Fatalf("got %v", err)
	}
	// While the migration waits, others are held up by no more than the lock's timeout.
	begin := time.Now()
	testenv.Exec(t, c.Database, `SELECT * FROM counters`)
	if took := time.Since(begin); took > c.Migrate.LockTimeout+2*time.Second {
		t.Errorf("a query was held up for %v", took)
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMigrationGivesUpInTheEnd(t *testing.T) {
	c := testenv.Config(t)
	migrate(t, c)
	defer blockCounters(t, c)()
	m := openMigrator(t, c)
	m.retry.pause = func(int) time.Duration { return 0 }
	m.retry.attempts = 2
	if _, err := m.DownTo(t.Context(), 1); !isLockTimeout(err) || !strings.Contains(err.Error(), "pg_stat_activity") {
		t.Errorf("got %v", err)
	}
	if err := NewProbe(openPool(t, c, 1)).Check(t.Context()); err != nil {
		t.Errorf("the failed attempt changed the schema: %v", err)
	}
}

func TestMigrationEndsWithItsContext(t *testing.T) {
	c := testenv.Config(t)
	migrate(t, c)
	defer blockCounters(t, c)()
	ctx, cancel := context.WithCancel(t.Context())
	m := openMigrator(t, c)
	m.retry.notify = func(int, error) { cancel() }
	if _, err := m.DownTo(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// The lock is free again for the next one.
	blocked, stop := context.WithTimeout(t.Context(), testenv.Patience)
	defer stop()
	if _, err := openMigrator(t, c).Up(blocked); err != nil {
		t.Error(err)
	}
}

// full-stack-fastapi-template 344: a new password in the settings is ignored by an existing volume.
func TestWrongPasswordIsExplainedAtOnce(t *testing.T) {
	c := testenv.Config(t)
	wrong := c.Database.Copy()
	wrong.Password = "CANARY"
	_, err := OpenMigrator(t.Context(), wrong, Limits{Wait: time.Hour}, nil)
	if err == nil || !strings.Contains(err.Error(), "ALTER ROLE") || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("got %v", err)
	}
	wrong = c.Database.Copy()
	wrong.Database = "no_such_database"
	_, err = OpenMigrator(t.Context(), wrong, Limits{Wait: time.Hour}, nil)
	if err == nil || !strings.Contains(err.Error(), "create the database") {
		t.Errorf("got %v", err)
	}
}

func TestMigratorWaitsForTheDatabase(t *testing.T) {
	c := testenv.Config(t)
	proxy := testenv.DatabaseThrough(t, c)
	proxy.Cut()
	if _, err := OpenMigrator(t.Context(), c.Database, Limits{}, nil); err == nil {
		t.Error("a database that is away was not noticed")
	}
	m, err := OpenMigrator(t.Context(), c.Database, Limits{Wait: time.Minute, Lock: time.Second, Statement: time.Minute},
		func(int, error) { proxy.Restore() })
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// A busy pool must not make the instance look unready: the probe has a connection of its own.
func TestProbeNoticesOutages(t *testing.T) {
	c := testenv.Config(t)
	migrate(t, c)
	proxy := testenv.DatabaseThrough(t, c)
	probe := NewProbe(openPool(t, c, 1))
	check := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return probe.Check(ctx)
	}
	for round := range 2 {
		if err := check(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, fail := range []func(){proxy.Cut, proxy.Hang} {
			fail()
			begin := time.Now()
			if err := check(); err == nil {
				t.Errorf("round %d: the outage was not noticed", round)
			}
			if took := time.Since(begin); took > 2500*time.Millisecond {
				t.Errorf("round %d: noticed after %v", round, took)
			}
			proxy.Restore()
		}
	}
}
