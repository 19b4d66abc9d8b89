package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"drydock/internal/run"
)

// Version is what the checkout is, as git tells it.
type Version struct {
	Tag      string // fit for a Docker tag: v1.2.0, v1.2.0-3-gabc1234, 0.0.0-12-gabc1234, ...-dirty.1a2b3c4d
	Revision string // full commit; "" without git
	Dirty    bool   // there are changes that are not committed
}

// dockerTag is the grammar of a tag:
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
var dockerTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// git runs git in one folder.
type git struct {
	root string
	env  []string
}

func (g git) output(ctx context.Context, args ...string) (string, error) {
	out, err := run.Output(ctx, run.Cmd{
		Name: "git", Args: append([]string{"-C", g.root}, args...),
		// Its messages are read below, and the user's own git settings must not change the format.
		Env: append(g.env, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0"),
	})
	return strings.TrimSpace(string(out)), err
}

// ReadVersion asks git what the checkout is. A folder without git, or a machine without
// it, gets a version from the content. override is the setting VERSION.
func ReadVersion(ctx context.Context, root, override string, environ []string) (Version, error) {
	g := git{root, environ}
	if override != "" {
		if !dockerTag.MatchString(override) {
			return Version{}, run.WithCode(run.CodeBadInput, fmt.Errorf("reading VERSION: %q cannot be a tag of an image; use letters, digits, . _ and -, at most 128", override))
		}
		revision, err := g.output(ctx, "rev-parse", "--verify", "--quiet", "HEAD")
		if err != nil && ctx.Err() != nil {
			return Version{}, err
		}
		return Version{Tag: override, Revision: revision}, nil
	}
	top, err := g.output(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return withoutGit(ctx, root, err)
	}
	if same, err := sameFolder(top, root); err != nil || !same {
		return withoutGit(ctx, root, err) // a plain folder inside of somebody's repository
	}
	revision, err := g.output(ctx, "rev-parse", "--verify", "--quiet", "HEAD")
	if err != nil {
		return withoutGit(ctx, root, err) // no commit yet
	}
	described, err := g.describe(ctx)
	if err != nil {
		return Version{}, err
	}
	v := Version{Tag: described, Revision: revision}
	changed, err := g.changes(ctx)
	if err != nil {
		return Version{}, err
	}
	if changed != "" {
		v.Dirty, v.Tag = true, v.Tag+"-dirty."+changed
	}
	v.Tag = tagOf(v.Tag)
	return v, nil
}

// describe is `git describe` for versions: the nearest tag like v1.2.0 or 1.2.0; without
// one the number of commits.
func (g git) describe(ctx context.Context) (string, error) {
	tagged, err := g.output(ctx, "describe", "--tags", "--match", "v[0-9]*", "--match", "[0-9]*", "--abbrev=7")
	if err == nil {
		return tagged, nil
	}
	if ctx.Err() != nil {
		return "", err
	}
	count, err := g.output(ctx, "rev-list", "--count", "HEAD")
	if err != nil {
		return "", fmt.Errorf("counting commits for the version: %w", err)
	}
	short, err := g.output(ctx, "rev-parse", "--short=7", "HEAD")
	if err != nil {
		return "", fmt.Errorf("reading the commit for the version: %w", err)
	}
	return "0.0.0-" + count + "-g" + short, nil
}

// changes is a short hash of everything that is not committed, "" when nothing is.
func (g git) changes(ctx context.Context) (string, error) {
	status, err := g.output(ctx, "status", "--porcelain=v1", "-z", "--untracked-files=all")
	if err != nil {
		return "", fmt.Errorf("looking for uncommitted changes: %w", err)
	}
	if status == "" {
		return "", nil
	}
	h := sha256.New()
	fields := strings.Split(strings.TrimRight(status, "\x00"), "\x00")
	for i := 0; i < len(fields); i++ {
		entry := fields[i]
		fmt.Fprintf(h, "%d:%s", len(entry), entry)
		if len(entry) < 4 {
			continue // the leading blank of the first entry was trimmed; its name is hashed
		}
		name := entry[3:]
		if strings.ContainsAny(entry[:2], "RC") {
			i++ // the old name follows
		}
		data, err := os.ReadFile(filepath.Join(g.root, filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !isFolder(g.root, name) {
			return "", fmt.Errorf("reading %s for the version: %w", name, err)
		}
		fmt.Fprintf(h, "%d:%s", len(data), data)
	}
	return hex.EncodeToString(h.Sum(nil))[:8], nil
}

func isFolder(root, name string) bool {
	info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil && info.IsDir()
}

// withoutGit makes a version of the content: what the images are made of.
func withoutGit(ctx context.Context, root string, cause error) (Version, error) {
	if ctx.Err() != nil {
		return Version{}, cause
	}
	var missing *run.Error
	if errors.As(cause, &missing) && !errors.Is(cause, exec.ErrNotFound) && strings.Contains(cause.Error(), "dubious ownership") {
		return Version{}, fmt.Errorf("reading the version: git refuses the checkout because it belongs to somebody else; run `git config --global --add safe.directory %s`, or set VERSION", root)
	}
	h := sha256.New()
	for _, dir := range []string{"apps", "docker", "nginx"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "dist"):
				return filepath.SkipDir
			case !d.Type().IsRegular():
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%d:%s%d:%s", len(rel), filepath.ToSlash(rel), len(data), data)
			return nil
		})
		if err != nil {
			return Version{}, fmt.Errorf("making a version of the content: %w", err)
		}
	}
	return Version{Tag: "0.0.0-src." + hex.EncodeToString(h.Sum(nil))[:8]}, nil
}

func sameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	if err != nil {
		return false, err
	}
	return os.SameFile(x, y), nil
}

// tagOf replaces what a git tag may have and a Docker tag may not.
func tagOf(version string) string {
	tag := regexp.MustCompile(`[^A-Za-z0-9._-]`).ReplaceAllString(version, "-")
	return tag[:min(len(tag), 128)]
}

// noCommit is the time of images made without git, or before the first commit:
// the beginning of 1980, which every archive format can hold.
var noCommit = time.Unix(315532800, 0).UTC()

// origin is the last commit that touched some paths.
type origin struct {
	Revision string
	Version  string
	Time     time.Time
}

// lastChange finds the commit that the inputs come from. It does not look at uncommitted
// changes: those are in the input hash.
func lastChange(ctx context.Context, root string, environ []string, paths ...string) (origin, error) {
	g := git{root, environ}
	out, err := g.output(ctx, append([]string{"log", "-1", "--format=%H %ct", "--"}, paths...)...)
	if err != nil || out == "" {
		if ctx.Err() != nil {
			return origin{}, err
		}
		return origin{Time: noCommit}, nil // no git, no commit yet, or new files only
	}
	hash, seconds, _ := strings.Cut(out, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return origin{}, fmt.Errorf("reading the time of commit %s: %w", hash, err)
	}
	described, err := g.output(ctx, "describe", "--tags", "--match", "v[0-9]*", "--match", "[0-9]*", "--abbrev=7", hash)
	if err != nil {
		if ctx.Err() != nil {
			return origin{}, err
		}
		described = "0.0.0-g" + hash[:min(7, len(hash))]
	}
	return origin{Revision: hash, Version: tagOf(described), Time: time.Unix(n, 0).UTC()}, nil
}
