package logical

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"drydock/internal/backup/manifest"
)

// VerifyOptions are choices of a check. The zero value works.
type VerifyOptions struct {
	Tools    Tools
	Jobs     int               // files that are read at a time; 0 is 2
	Verifier manifest.Verifier // nil does not look at the signature
	// Files are what somebody has just read, for the manifest to be compared with: all of the
	// folder's, with their hashes. nil reads them here.
	Files []manifest.File
	// Deep also unpacks each table's file and counts its rows. It finds what was wrong
	// before the files were hashed, for the time that unpacking takes.
	Deep bool
}

// Verify checks a backup without a server: its manifest, that each file is there, whole
// and unchanged, that there is no other one, that pg_restore can read the table of
// contents, and that each entry has its file. It returns the manifest. The error names
// everything that was found and matches ErrDamaged, or manifest.ErrSignature for a
// signature; it matches neither if the backup could not be read.
func Verify(ctx context.Context, dir string, o VerifyOptions) (*manifest.Manifest, error) {
	m, err := manifest.Read(dir)
	if err != nil {
		if errors.Is(err, manifest.ErrDamaged) {
			err = marked{err, ErrDamaged}
		}
		return nil, err
	}
	if err := m.CheckSignature(o.Verifier); err != nil {
		return nil, fmt.Errorf("verifying %s: %w", dir, err)
	}
	problems, err := checkFiles(ctx, dir, m, o)
	if err != nil {
		return nil, fmt.Errorf("verifying %s: %w", dir, err)
	}
	// A table of contents that is damaged is not given to pg_restore.
	if len(problems) == 0 {
		toc, err := readTOC(ctx, o.Tools, dir)
		if err != nil {
			return nil, fmt.Errorf("verifying %s: %w", dir, withCause(ctx, err))
		}
		problems = toc.problems(m)
		if o.Deep && len(problems) == 0 {
			if problems, err = toc.countRows(ctx, m, max(o.Jobs, 2)); err != nil {
				return nil, fmt.Errorf("verifying %s: %w", dir, err)
			}
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("verifying %s: %w: %s; restore from another backup, or from a copy of this one", dir, ErrDamaged, strings.Join(problems, "; "))
	}
	return m, nil
}

// checkFiles compares the files with the manifest's list.
func checkFiles(ctx context.Context, dir string, m *manifest.Manifest, o VerifyOptions) ([]string, error) {
	found := slices.DeleteFunc(slices.Clone(o.Files), func(f manifest.File) bool { return f.Path == manifest.FileName })
	if o.Files == nil {
		var err error
		if found, err = hashFiles(ctx, dir, max(o.Jobs, 2)); err != nil {
			if errors.Is(err, ErrDamaged) {
				return []string{err.Error()}, nil
			}
			return nil, err
		}
	}
	have := map[string]manifest.File{}
	for _, f := range found {
		have[f.Path] = f
	}
	var problems []string
	for _, want := range m.Files {
		got, ok := have[want.Path]
		delete(have, want.Path)
		switch {
		case !ok:
			problems = append(problems, want.Path+" is missing")
		case got.Bytes != want.Bytes:
			problems = append(problems, fmt.Sprintf("%s has %d bytes instead of %d", want.Path, got.Bytes, want.Bytes))
		case got.SHA256 != want.SHA256:
			problems = append(problems, want.Path+" was changed: its SHA-256 is another one")
		}
	}
	for _, f := range found {
		if _, extra := have[f.Path]; extra {
			problems = append(problems, f.Path+" does not belong to it")
		}
	}
	return problems, nil
}
