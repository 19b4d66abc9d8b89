package physical

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"drydock/internal/backup/store"
)

// Levels are pgBackRest's words for the store's.
var Levels = map[string]string{store.LevelFull: "full", store.LevelDifferential: "diff", store.LevelIncremental: "incr"}

// LevelOf is the store's word for pgBackRest's.
func LevelOf(kind string) string {
	for level, word := range Levels {
		if word == kind {
			return level
		}
	}
	return kind
}

// Prepare makes the repository ready for the database; it is quick where it is. The database
// has to be up. ErrCluster is one that belongs to another database.
func (r Repo) Prepare(ctx context.Context) error {
	_, err := r.call(ctx, "stanza-create")
	return err
}

// Adopt gives the repository to the database that is there now; what it holds of others stays.
func (r Repo) Adopt(ctx context.Context) error {
	_, err := r.call(ctx, "stanza-upgrade", "--no-online")
	return err
}

// Make takes away what dead processes left, makes a backup, and returns it with the state of the
// repository after it. Nobody else may be making one. Where there is nothing to build on, a
// level other than full comes to be full. checkLog has pgBackRest wait until the log is in the
// repository; without it, that is the caller's to see to (Relay).
func (r Repo) Make(ctx context.Context, level string, checkLog bool) (Backup, Info, error) {
	before, err := r.Info(ctx)
	if err != nil {
		return Backup{}, Info{}, err
	}
	if err := r.sweep(before); err != nil {
		return Backup{}, Info{}, err
	}
	words := []string{"--type=" + Levels[level]}
	if !checkLog {
		words = append(words, "--no-archive-check")
	}
	if err := r.space(nil); err != nil {
		return Backup{}, Info{}, err
	}
	if _, err := r.call(ctx, "backup", words...); err != nil {
		if ctx.Err() == nil {
			err = r.space(err) // before what it left is taken away
		}
		return Backup{}, Info{}, errors.Join(err, r.sweepNow(context.WithoutCancel(ctx)))
	}
	after, err := r.Info(ctx)
	if err != nil {
		return Backup{}, Info{}, err
	}
	for i := len(after.Backups) - 1; i >= 0; i-- {
		if b := after.Backups[i]; !known(before, b.Label) {
			return b, after, nil
		}
	}
	return Backup{}, Info{}, fmt.Errorf("pgbackrest backup (repository %s): it succeeded, and its backup is not listed", r.Name)
}

// space is outOfSpace for this repository. How full S3 is, nobody can ask.
func (r Repo) space(err error) error {
	if r.Name != Local {
		return err
	}
	free, askErr := store.FreeSpace(RepoDir)
	if askErr != nil {
		return errors.Join(err, askErr)
	}
	return outOfSpace(err, free)
}

func known(i Info, label string) bool {
	_, ok := i.Backup(label)
	return ok
}

// sweepNow is sweep after asking once more: a backup that failed may have come to be.
func (r Repo) sweepNow(ctx context.Context) error {
	info, err := r.Info(ctx)
	if err != nil {
		return err
	}
	return r.sweep(info)
}

// sweep takes away what a backup left that came to nothing: on a full disk the log needs the
// space. What is on S3, pgBackRest takes away with its next backup.
func (r Repo) sweep(info Info) error {
	if r.Name != Local {
		return nil
	}
	dir := filepath.Join(RepoDir, "backup", stanza)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for backups that came to nothing: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !IsLabel(e.Name()) || known(info, e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("taking away a backup that came to nothing: %w", err)
		}
	}
	return nil
}

// IsLabel says whether a name is one of pgBackRest's backups.
func IsLabel(name string) bool {
	full, rest, _ := strings.Cut(name, "_")
	form := func(s, kinds string) bool {
		return len(s) == 16 && s[8] == '-' && strings.ContainsRune(kinds, rune(s[15]))
	}
	return form(full, "F") && (rest == "" || form(rest, "DI"))
}

// Remove removes a backup, what hangs on it, and the log that no other one needs.
func (r Repo) Remove(ctx context.Context, label string) error {
	info, err := r.Info(ctx)
	if err != nil {
		return err
	}
	if known(info, label) {
		if _, err := r.call(ctx, "expire", "--set="+label); err != nil {
			return err
		}
		if info, err = r.Info(ctx); err != nil {
			return err
		}
	}
	full := 0
	for _, b := range info.Backups {
		if b.Type == "full" {
			full++
		}
	}
	if full == 0 {
		return nil
	}
	// As many as there are: no backup goes, only what is older than the oldest one's log.
	_, err = r.call(ctx, "expire", "--repo1-retention-full="+strconv.Itoa(full))
	return err
}
