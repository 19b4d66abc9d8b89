package deploy

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"drydock/internal/backup/remote"
	"drydock/internal/engine"
	"drydock/internal/env"
)

// archiveTimeout bounds the wait until a restore point has left the database's disk.
const archiveTimeout = 2 * time.Minute

// savedWords begin what is said and kept of it; a command follows.
const savedWords = "the database as it is before the migrations: "

// saves says whether the database is saved before this deploy's migrations: there has to
// be something to lose, and something that may lose it.
func (w *work) saves() bool {
	s := w.d.Stack.Settings
	if w.kind != KindDeploy || s.Deploy.Backup == env.SaveNothing || len(s.Backend.Migrate) == 0 || len(w.memory.Releases) == 0 {
		return false
	}
	if len(w.release.Migrations) == 0 {
		return true // nobody can tell whether any are pending
	}
	names, changed, _ := pending(w.memory, w.release.Migrations)
	return len(names)+len(changed) > 0
}

// save makes sure that the database can be had back as it is now.
func (w *work) save(ctx context.Context) (err error) {
	if w.d.Stack.Settings.Deploy.Backup == env.SaveDump {
		w.journal.Saved, err = w.dump(ctx)
	} else {
		w.journal.Saved, err = w.restorePoint(ctx)
	}
	if err == nil {
		w.d.say("%s", w.journal.Saved)
	}
	return err
}

// dump has the backup service dump the database, and says how to get it back.
func (w *work) dump(ctx context.Context) (string, error) {
	s := w.d.Stack
	var id bytes.Buffer
	err := (&remote.Remote{Settings: s.Settings, Engine: s.Engine, Out: &id, Err: s.Err}).Dump(ctx)
	if err != nil {
		return "", fmt.Errorf("dumping the database before its migrations (DEPLOY_BACKUP=dump): %w", err)
	}
	return savedWords + "BACKUP=" + strings.TrimSpace(id.String()) + " " + s.Command("backup:restore"), nil
}

// restorePoint has the write-ahead log archived up to now, and says the time to restore
// to. The time is the database's own: log records carry that clock.
func (w *work) restorePoint(ctx context.Context) (string, error) {
	const what = "making a restore point before the migrations (DEPLOY_BACKUP=point)"
	command, err := w.sql(ctx, `SELECT current_setting('archive_mode') || ' ' || current_setting('archive_command')`)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if fields := strings.Fields(command); len(fields) < 2 || fields[0] == "off" || fields[1] == "true" {
		return "", fmt.Errorf("%s: the database does not archive its log, so there is nothing to restore to a point in; switch physical backups on, or set DEPLOY_BACKUP=dump", what)
	}
	row, err := w.sql(ctx, fmt.Sprintf(
		`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00 ' || pg_walfile_name(pg_create_restore_point('before %s'))`,
		w.journal.Release.ID))
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	cut := strings.LastIndex(row, " ")
	if cut < 0 {
		return "", fmt.Errorf("%s: the database answered %q", what, row)
	}
	at, segment := row[:cut], row[cut+1:]
	// It ends the segment that the point is in, so that it can be archived.
	if _, err := w.sql(ctx, `SELECT pg_switch_wal()`); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if err := w.archived(ctx, segment); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Sprintf("%sAT='%s' %s", savedWords, at, w.d.Stack.Command("backup:restore")), nil
}

// archived waits until a segment of the log is in the archive.
func (w *work) archived(ctx context.Context, segment string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, archiveTimeout, fmt.Errorf("%s is not archived after %s", segment, archiveTimeout))
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		// Names of segments have one length, and order as they were written.
		state, err := w.sql(ctx, fmt.Sprintf(`SELECT coalesce(last_archived_wal >= '%s', false)::text || ' ' || coalesce(last_failed_wal, '-') FROM pg_stat_archiver`, segment))
		if err != nil {
			return err
		}
		if strings.HasPrefix(state, "true ") {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w; the archive's last failure was with %s; see: %s", context.Cause(ctx), strings.TrimPrefix(state, "false "), w.d.Stack.Command("backup:list"))
		}
	}
}

// sql asks the live database for one value.
func (w *work) sql(ctx context.Context, query string) (string, error) {
	s := w.d.Stack
	list, err := s.Engine.Containers(ctx, engine.OfService(s.Settings.Project, "db", engine.Running))
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", fmt.Errorf("the database does not run")
	}
	var out bytes.Buffer
	db := s.Settings.Database
	err = s.Engine.Exec(ctx, list[0].ID, engine.Command{
		Cmd: []string{"psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username", db.User, "--dbname", db.Name,
			"-v", "ON_ERROR_STOP=1", "--command", query},
		Streams: engine.Streams{Out: &out},
	})
	return strings.TrimSpace(out.String()), err
}
