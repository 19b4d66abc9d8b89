package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drydock/internal/deploy/sqlcheck"
	"drydock/internal/run"
)

// migrationFiles reads the folder MIGRATIONS; without one there is nothing. Without
// BACKEND_MIGRATE nobody applies it: what were noted as done now would be taken for old by
// the deploy that does apply it.
func (d *Deployer) migrationFiles() (map[string]string, error) {
	s := d.Stack.Settings
	if s.Deploy.Migrations == "" || len(s.Backend.Migrate) == 0 {
		return nil, nil
	}
	dir := s.Path(s.Deploy.Migrations)
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading MIGRATIONS: %w", err)
	}
	files := map[string]string{}
	for _, e := range list {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading MIGRATIONS: %w", err)
		}
		files[e.Name()] = string(data)
	}
	return files, nil
}

func (d *Deployer) migrationSums() (map[string]string, error) {
	files, err := d.migrationFiles()
	if err != nil || len(files) == 0 {
		return nil, err
	}
	sums := map[string]string{}
	for name, text := range files {
		h := sha256.Sum256([]byte(text))
		sums[name] = hex.EncodeToString(h[:8])
	}
	return sums, nil
}

// pending are the migrations that the newest release did not have. known is false when
// nobody remembers what it had.
func pending(m memory, sums map[string]string) (names []string, changed []string, known bool) {
	var had map[string]string
	for _, r := range m.Releases {
		if len(r.Migrations) > 0 {
			known = true
		}
		if had == nil {
			had = map[string]string{}
		}
		maps.Copy(had, r.Migrations)
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		old, there := had[name]
		switch {
		case !there:
			names = append(names, name)
		case old != sums[name]:
			changed = append(changed, name)
		}
	}
	return names, changed, known
}

// checkMigrations refuses migrations that take away what the release that serves needs,
// unless they are marked. While a deploy goes on, and after a rollback, the old release
// works on the new schema.
func (d *Deployer) checkMigrations(m memory, r Release) error {
	names, changed, known := pending(m, r.Migrations)
	for _, name := range changed {
		d.say("the migration %s was changed after it was applied; that has no effect on a database that has it", name)
	}
	if len(names) == 0 {
		return nil
	}
	files, err := d.migrationFiles()
	if err != nil {
		return err
	}
	var bad []string
	for _, name := range names {
		for _, f := range sqlcheck.Check(files[name]) {
			line := fmt.Sprintf("%s:%d: %s", filepath.Join(d.Stack.Settings.Deploy.Migrations, name), f.Line, f.Text)
			switch {
			case f.Marked || !known && !f.Breaks:
			case !f.Breaks || !known:
				// Before the first deploy there is no old release to hurt.
				d.say("%s", line)
			default:
				bad = append(bad, line)
			}
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return run.WithCode(run.CodeBadInput, fmt.Errorf("these migrations break the release that serves now:\n  %s\nChange the schema in two releases: the first one only adds, the second one takes away what nobody uses any more; mark that one's statement with a comment:\n  -- %s <why nobody uses it any more>",
		strings.Join(bad, "\n  "), sqlcheck.Mark))
}
