package recovery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/engine"
)

// progress is one look at a server that recovers.
type progress struct {
	paused bool   // the target is reached
	idle   bool   // it waits for more log
	lsn    string // how far it is
}

// reach waits until a server that recovers has replayed what leads to the target: it paused at
// it, or there is no more log, because nothing was committed after that time.
func reach(ctx context.Context, e *engine.Client, container string, s Source, f physical.Fetched, say func(string)) error {
	say(fmt.Sprintf("replaying %d segments of the log", f.Segments))
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last, quiet, starving := progress{}, 0, 0
	for {
		p, err := look(ctx, e, container, s)
		switch {
		case err != nil:
			now, lookErr := e.Container(ctx, container)
			if lookErr != nil {
				return lookErr
			}
			if now.State != engine.Running {
				return fmt.Errorf("recovering: the server ended by itself: %s", tail(ctx, e, container))
			}
			// It lets nobody in before it is consistent; without the log for that it would wait for ever.
			said := tail(ctx, e, container)
			if !strings.Contains(said, "waiting for WAL to become available") {
				starving = 0
			} else if starving++; starving > 100 {
				return fmt.Errorf("recovering: the log that was fetched does not make the backup consistent; verify it: backup:verify\n  %s", said)
			}
		case p.paused:
			return nil
		case p.idle && p.lsn == last.lsn:
			// It asks for the next segment every few seconds; one that is here it takes at once.
			if quiet++; quiet >= 3 {
				return nil
			}
		default:
			quiet = 0
		}
		last = p
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("recovering: %w", context.Cause(ctx))
		}
	}
}

func look(ctx context.Context, e *engine.Client, container string, s Source) (p progress, err error) {
	text, err := psql(ctx, e, container, s, `SELECT pg_get_wal_replay_pause_state() = 'paused',
  coalesce((SELECT wait_event = 'RecoveryRetrieveRetryInterval' FROM pg_stat_activity WHERE backend_type = 'startup'), false), pg_last_wal_replay_lsn()`)
	if err != nil {
		return p, err
	}
	parts := strings.Split(text, "|")
	if len(parts) != 3 {
		return p, fmt.Errorf("asking a server that recovers how far it is: it answered %q", text)
	}
	return progress{parts[0] == "t", parts[1] == "t", parts[2]}, nil
}

// promote makes it a database that can be written to, and takes away what only the recovery needed.
func promote(ctx context.Context, e *engine.Client, container string, s Source, say func(string)) error {
	say("ending the recovery")
	if got, err := psql(ctx, e, container, s, "SELECT pg_promote(true, 600)"); err != nil || got != "t" {
		return fmt.Errorf("ending the recovery: the server answered %q: %w: %s", got, err, tail(ctx, e, container))
	}
	var b strings.Builder
	for _, name := range []string{"restore_command", "recovery_target_timeline", "recovery_target_action", "recovery_target_time", "recovery_target"} {
		fmt.Fprintf(&b, "ALTER SYSTEM RESET %s;\n", name)
	}
	b.WriteString("SELECT pg_reload_conf();\nCHECKPOINT;\n")
	if _, err := psql(ctx, e, container, s, b.String()); err != nil {
		return fmt.Errorf("removing the settings of the recovery: %w", err)
	}
	if _, err := e.ExecOutput(ctx, container, "rm", "-rf", physical.DataDir+"/"+physical.LogDir); err != nil {
		return fmt.Errorf("removing the log that was fetched: %w", err)
	}
	return nil
}

// tail is what a container said last.
func tail(ctx context.Context, e *engine.Client, container string) string {
	var lines []string
	err := e.Logs(ctx, container, engine.LogOptions{Tail: 8}, func(l engine.LogLine) error {
		lines = append(lines, l.Text)
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return strings.Join(lines, "\n  ")
}
