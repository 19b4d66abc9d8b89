package training

import (
	"context"
	"errors"
	"time"
)

// lockScript is a session that takes a lock and forgets it. It outlives the command that
// starts it, and ends by itself after an hour: somebody may never come back to an exercise.
// The server would end it after ten minutes (idle_in_transaction_session_timeout).
const lockScript = `setsid sh -c '
echo $$ >/tmp/training-lock.pid
{ echo "set application_name = \"quarterly report\"; set idle_in_transaction_session_timeout = 0; begin; lock table notes in access exclusive mode;"; exec sleep 3600; } |
	exec psql -Xq -U "$POSTGRES_USER" -d "$POSTGRES_DB"' >/dev/null 2>&1 </dev/null &`

// unlockScript ends the session's programs, which would wait for the hour to be over.
const unlockScript = `if [ -s /tmp/training-lock.pid ]; then kill -KILL "-$(cat /tmp/training-lock.pid)" 2>/dev/null; rm -f /tmp/training-lock.pid; fi; :`

const lockHolders = `FROM pg_stat_activity WHERE application_name = 'quarterly report'`

func lockHeld() Exercise {
	return Exercise{
		Name:    "lock-held",
		Story:   "Users write: nothing loads any more, and saving does not work either. It began a moment after somebody in the office looked something up in the database.",
		Hint:    "The containers are well, and the backend waits for something. Ask the database who holds a lock on the table of notes, and what that session is doing.",
		prepare: needsNotes,
		harm: func(ctx context.Context, s *scene) error {
			if _, err := s.Shell(ctx, "db", lockScript); err != nil {
				return err
			}
			for begin := time.Now(); ; {
				n, err := s.count(ctx, "SELECT count(*) "+lockHolders+" AND state = 'idle in transaction'")
				if err != nil || n > 0 {
					return err
				}
				if time.Since(begin) > 20*time.Second {
					return errors.New("the session that should hold the lock does not: somebody else may hold the table")
				}
				time.Sleep(200 * time.Millisecond)
			}
		},
		check: func(ctx context.Context, s *scene) ([]string, error) {
			if err := s.Board(ctx); err != nil {
				return []string{"the board cannot be read: " + err.Error()}, ctx.Err()
			}
			return nil, nil
		},
		// Twice: nothing can be started while the lock is held, and nothing says that the
		// database runs.
		before: func(ctx context.Context, s *scene) error {
			_ = unlock(ctx, s)
			return ctx.Err()
		},
		undo: unlock,
	}
}

func unlock(ctx context.Context, s *scene) error {
	if _, err := s.SQL(ctx, "SELECT pg_terminate_backend(pid) "+lockHolders); err != nil {
		return err
	}
	_, err := s.Shell(ctx, "db", unlockScript)
	return err
}
