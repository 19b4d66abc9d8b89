package training

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drydock/internal/backup/physical"
)

// Modes, not a folder that is moved away: a mode can be set right without knowing what
// happened since.
const (
	archiveDir   = physical.RepoDir + "/archive"
	closeArchive = "test -d " + archiveDir + " && find " + archiveDir + " -type d -exec chmod u-w {} +"
	openArchive  = "if test -d " + archiveDir + "; then find " + archiveDir + " -type d -exec chmod u+w {} +; fi"
)

// archiveWait is how long the archiver is given for what waits: it tries a failed piece
// again as soon as there is another one.
const archiveWait = 20 * time.Second

func archiveStuck() Exercise {
	return Exercise{
		Name:  "archive-stuck",
		Story: "An alarm says archive.late: the database's log waits to be archived. The site works, and nobody has noticed anything.",
		Hint:  "The list of backups says how far the archive is. The database tries again and again: what does its log say about why it fails, and where?",
		prepare: func(ctx context.Context, s *scene) error {
			if _, err := s.Shell(ctx, "backup", "test -d "+archiveDir+"/main"); err != nil {
				return errors.New("this exercise needs the archive of physical backups, and there is none yet; with an image of your own there are dumps only")
			}
			return nil
		},
		harm: func(ctx context.Context, s *scene) error {
			_, err := s.Shell(ctx, "backup", closeArchive)
			return err
		},
		check: archived,
		undo: func(ctx context.Context, s *scene) error {
			if _, err := s.Shell(ctx, "backup", openArchive); err != nil {
				return err
			}
			symptoms, err := archived(ctx, s)
			if err == nil && len(symptoms) > 0 {
				err = errors.New(strings.Join(symptoms, "; ") + "; the database's log says why")
			}
			return err
		},
	}
}

// archived sends a piece of the log, and waits until nothing waits any more.
func archived(ctx context.Context, s *scene) ([]string, error) {
	// Two calls, since the message has to be in a finished piece.
	if _, err := s.SQL(ctx, "SELECT pg_logical_emit_message(true, 'training', 'a piece that has something in it')"); err != nil {
		return nil, err
	}
	if _, err := s.SQL(ctx, "SELECT pg_switch_wal()"); err != nil {
		return nil, err
	}
	for begin := time.Now(); ; {
		n, err := s.count(ctx, "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")
		if err != nil || n == 0 {
			return nil, err
		}
		if time.Since(begin) > archiveWait {
			last, err := s.SQL(ctx, "SELECT coalesce(to_char(last_failed_time, 'HH24:MI:SS'), 'never') FROM pg_stat_archiver")
			return []string{fmt.Sprintf("%d pieces of the database's log wait to be archived; the last attempt that failed was at %s UTC", n, last)}, err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
