package image

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
	"golang.org/x/sync/errgroup"

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
	out, err := g.raw(ctx, args...)
	return strings.TrimSpace(out), err
}

// raw keeps blanks at both ends: `git status` begins a line with one.
func (g git) raw(ctx context.Context, args ...string) (string, error) {
	out, err := run.Output(ctx, run.Cmd{Name: "git", Args: append([]string{"-C", g.root}, args...), Env: g.environ()})
	return string(out), err
}

// environ is the user's environment without what points git elsewhere: a hook, for
// example, runs with GIT_DIR set.
func (g git) environ() []string {
	var list []string
	for _, kv := range g.env {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE",
			"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS":
		default:
			list = append(list, kv)
		}
	}
	return append(list,
		"LC_ALL=C",             // its messages are read below
		"GIT_OPTIONAL_LOCKS=0", // looking must not get into the way of a git that works
		// Whoever runs this already executes the code of the checkout, so git's refusal of
		// a checkout that belongs to somebody else protects from nothing. (git 2.35.2 to
		// 2.37 ignore it here: for them there is an error with the command to run.)
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
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
	// A plain folder inside of somebody's repository (a copy in a home folder that is
	// under git) isn't described by that repository: it does not track our files. As a
	// part of a larger repository it is.
	if _, err := g.output(ctx, "ls-files", "--error-unmatch", "--", "go.mod"); err != nil {
		return withoutGit(ctx, root, err)
	}
	revision, err := g.output(ctx, "rev-parse", "--verify", "--quiet", "HEAD")
	if err != nil {
		if ctx.Err() != nil {
			return Version{}, err
		}
		return withoutGit(ctx, root, nil) // no commit yet
	}
	v := Version{Revision: revision}
	var changed string
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) { v.Tag, err = g.describe(inner); return err })
	group.Go(func() (err error) { changed, err = g.changes(inner); return err })
	if err := group.Wait(); err != nil {
		return Version{}, err
	}
	if changed != "" {
		v.Dirty, v.Tag = true, v.Tag+"-dirty."+changed
	}
	v.Tag = tagOf(v.Tag)
	return v, nil
}

// describe is `git describe` for versions: the nearest tag like v1.2.0 or 1.2.0; without
// one the number of commits. Several tags on the commit itself: the highest version.
func (g git) describe(ctx context.Context) (string, error) {
	here, err := g.output(ctx, "tag", "--points-at", "HEAD")
	if err != nil {
		return "", fmt.Errorf("reading the tags for the version: %w", err)
	}
	if tag := highest(strings.Fields(here)); tag != "" {
		return tag, nil
	}
	tagged, err := g.output(ctx, "describe", "--tags", "--match", "v[0-9]*", "--match", "[0-9]*", "--abbrev=7", "--long")
	if err == nil {
		return tagged, nil
	}
	if ctx.Err() != nil {
		return "", err
	}
	clone, err := g.output(ctx, "rev-parse", "--is-shallow-repository", "--short=7", "HEAD")
	if err != nil {
		return "", fmt.Errorf("reading the commit and the depth of the clone for the version: %w", err)
	}
	shallow, commit, _ := strings.Cut(clone, "\n")
	if shallow == "true" {
		// Neither the number of commits nor a tag below can be seen.
		return "0.0.0-g" + commit, nil
	}
	count, err := g.output(ctx, "rev-list", "--count", "HEAD")
	if err != nil {
		return "", fmt.Errorf("counting commits for the version: %w", err)
	}
	return "0.0.0-" + count + "-g" + commit, nil
}

var versionTag = regexp.MustCompile(`^v?[0-9]`)

// highest chooses among tags by semantic version; tags that are none count less, and
// among each other by name.
func highest(tags []string) string {
	best := ""
	for _, tag := range tags {
		if !versionTag.MatchString(tag) {
			continue
		}
		if best == "" || cmp.Or(semver.Compare(vTag(tag), vTag(best)), strings.Compare(tag, best)) > 0 {
			best = tag
		}
	}
	return best
}

func vTag(tag string) string { return "v" + strings.TrimPrefix(tag, "v") }

// changes is a short hash of everything that is not committed, "" when nothing is.
func (g git) changes(ctx context.Context) (string, error) {
	status, err := g.raw(ctx, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--", ".")
	if err != nil {
		return "", fmt.Errorf("looking for uncommitted changes: %w", err)
	}
	if status == "" {
		return "", nil
	}
	// Names are relative to the repository, which may be larger than the checkout.
	top, err := g.output(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", fmt.Errorf("finding the top of the repository: %w", err)
	}
	h := sha256.New()
	fields := strings.Split(strings.TrimRight(status, "\x00"), "\x00")
	for i := 0; i < len(fields); i++ {
		entry := fields[i]
		fmt.Fprintf(h, "%d:%s", len(entry), entry)
		if len(entry) < 4 {
			continue // XY and a blank come before the name (git-status(1))
		}
		name := entry[3:]
		if strings.ContainsAny(entry[:2], "RC") {
			i++ // the old name follows
		}
		if err := hashChanged(h, filepath.Join(top, filepath.FromSlash(name))); err != nil {
			return "", fmt.Errorf("reading %s for the version: %w", name, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:8], nil
}

// hashChanged adds what is at a path now: the file, the link, or nothing.
func hashChanged(h io.Writer, path string) error {
	info, err := os.Lstat(path)
	var data []byte
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Mode().Type() == fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		data = []byte(target)
	case info.Mode().IsRegular():
		if data, err = os.ReadFile(path); err != nil {
			return err
		}
	}
	exec := info != nil && info.Mode()&0o100 != 0
	_, err = fmt.Fprintf(h, "%t%d:%s", exec, len(data), data)
	return err
}

// withoutGit makes a version of the content: what the images are made of.
func withoutGit(ctx context.Context, root string, cause error) (Version, error) {
	if ctx.Err() != nil {
		return Version{}, cause
	}
	if cause != nil && strings.Contains(cause.Error(), "dubious ownership") {
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

var notInTag = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// tagOf replaces what a git tag may have and a Docker tag may not.
func tagOf(version string) string {
	tag := notInTag.ReplaceAllString(version, "-")
	return tag[:min(len(tag), 128)]
}
