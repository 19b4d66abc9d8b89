package image

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// origin is where an image's input comes from, for its labels and the times in it.
//
// It has to be the same wherever and whenever the same input is built, or the image
// would have another id there. So it is not the commit that is checked out (which may
// only have touched a manual) but the last one that changed a file of the input, and the
// version in it is made from that commit alone (as Go's pseudo-versions are): tags come
// and go. An input that is not exactly what is committed, or that comes without its
// history (no git, a shallow clone), has no revision.
type origin struct {
	Revision string    // "" when it is not known
	Version  string    // 0.0.0-20260102150405-abcdef123456, or 0.0.0-src.<8 hex of the input>
	Time     time.Time // SOURCE_DATE_EPOCH
}

// sourceEpoch is the earliest time of an input without a known commit.
var sourceEpoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// withoutCommit makes an origin from the input hash.
func withoutCommit(hash string) (origin, error) {
	offset, err := offset(hash, 365*24*time.Hour)
	if err != nil {
		return origin{}, err
	}
	return origin{Version: "0.0.0-src." + hash[:8], Time: sourceEpoch.Add(offset)}, nil
}

// fileTime is the time of the files that a build makes: shortly before the origin's, and
// another for each input. A web server tells a changed file from its time and size
// (nginx's ETag is just these), an index.html of another build often has the same size,
// and scripts make commits within a second.
func (o origin) fileTime(hash string) (time.Time, error) {
	offset, err := offset(hash, 24*time.Hour)
	return o.Time.Add(-offset), err
}

// offset makes a time span of whole seconds below a bound from the input hash.
func offset(hash string, bound time.Duration) (time.Duration, error) {
	raw, err := hex.DecodeString(hash)
	if err != nil || len(raw) < 8 {
		return 0, fmt.Errorf("making a time of the input hash %q: it is not one", hash)
	}
	return time.Duration(binary.BigEndian.Uint64(raw)%uint64(bound/time.Second)) * time.Second, nil
}

// originOf finds the commit that an input comes from.
func originOf(ctx context.Context, root string, environ []string, in *input, hash string) (origin, error) {
	g := git{root, environ}
	commit, err := in.commit(ctx, g)
	if err != nil && ctx.Err() != nil {
		return origin{}, err
	}
	if err != nil || commit == nil {
		return withoutCommit(hash) // no git, or git has nothing to say
	}
	return *commit, nil
}

// errUncommitted is an input that is not exactly a committed one.
var errUncommitted = errors.New("the input is not what is committed")

// commit is nil when the input is not exactly a committed one.
func (in *input) commit(ctx context.Context, g git) (*origin, error) {
	paths := []string{in.Recipe.Context, in.Recipe.Dockerfile}
	var place, log string
	// At once: what takes time is that git starts.
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return in.clean(inner, g, paths) })
	group.Go(func() (err error) {
		place, err = g.output(inner, "rev-parse", "--git-path", "shallow", "--show-prefix")
		return err
	})
	group.Go(func() (err error) {
		// -m with --first-parent: a merge is where its files changed on this branch.
		log, err = g.raw(inner, append([]string{"log", "--first-parent", "-m", "--name-only", "--no-renames", "-z", "--format=%x01%H %ct", "--"}, paths...)...)
		return err
	})
	if err := group.Wait(); errors.Is(err, errUncommitted) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	shallow, prefix, _ := strings.Cut(place, "\n") // the prefix is of the checkout in its repository
	for entry := range strings.SplitSeq(log, "\x01") {
		head, names, _ := strings.Cut(strings.Trim(entry, "\x00\n"), "\x00")
		hash, seconds, ok := strings.Cut(head, " ")
		if !ok || !slices.ContainsFunc(strings.Split(names, "\x00"), func(name string) bool {
			return in.includes(strings.TrimPrefix(strings.Trim(name, "\n"), prefix))
		}) {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading the time of commit %s: %w", hash, err)
		}
		if edge, err := g.edge(shallow, hash); err != nil || edge {
			return nil, err
		}
		at := time.Unix(n, 0).UTC()
		return &origin{Revision: hash, Time: at, Version: "0.0.0-" + at.Format("20060102150405") + "-" + hash[:min(12, len(hash))]}, nil
	}
	return nil, nil
}

// clean is errUncommitted unless git tracks every file of the input and none of them was changed.
func (in *input) clean(ctx context.Context, g git, paths []string) error {
	var tracked, changed string
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		// Relative to the checkout, unlike status and log.
		tracked, err = g.raw(inner, append([]string{"ls-files", "-z", "--"}, paths...)...)
		return err
	})
	group.Go(func() (err error) {
		// Both together are what differs from the last commit, staged or not; names relative again.
		changed, err = g.raw(inner, append([]string{"diff", "--name-only", "--relative", "--no-renames", "-z", "HEAD", "--"}, paths...)...)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	known := map[string]bool{}
	for name := range strings.SplitSeq(tracked, "\x00") {
		known[name] = true
	}
	for _, f := range in.Files {
		if !known[path.Join(in.Recipe.Context, f.Path)] {
			return errUncommitted
		}
	}
	for name := range strings.SplitSeq(changed, "\x00") {
		if name != "" && in.includes(name) {
			return errUncommitted
		}
	}
	return nil
}

// includes says whether a path of the checkout is a part of the input.
func (in *input) includes(name string) bool {
	if name == path.Clean(in.Recipe.Dockerfile) {
		return true
	}
	rel := name
	if context := path.Clean(in.Recipe.Context); context != "." {
		var inside bool
		if rel, inside = strings.CutPrefix(name, context+"/"); !inside {
			return false
		}
	}
	if rel == "" {
		return false
	}
	out, err := in.ignore.MatchesOrParentMatches(rel)
	return err == nil && !out && in.reach.takes(rel)
}

// edge says whether a commit is where a shallow clone ends, which the file says: git shows it as if it
// had made every file.
func (g git) edge(file, hash string) (bool, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(g.root, file)
	}
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading where the shallow clone ends: %w", err)
	}
	return slices.Contains(strings.Fields(string(text)), hash), nil
}
