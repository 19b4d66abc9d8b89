package image

import (
	"bytes"
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

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// input is everything that decides what an image will be, apart from where and when it
// is built.
type input struct {
	Recipe     recipe
	Dockerfile []byte
	Parsed     dockerfile
	Stage      string
	Root       string            // absolute folder of the context
	Files      []contextFile     // sorted by path
	Images     map[string]string // build argument to image id; ROOT to a reference
	Probe      bool              // an app without a health check of its own gets ours
	From       rootSource        // what a base image begins with

	origin *origin // of an app's production image, once it is resolved

	reach   reach
	from    string   // the image that is not ours and that this one begins with; "" for none
	foreign []string // layers of an image that is not ours and that this one begins with

	ignore *patternmatcher.PatternMatcher // what of the context is left out
}

// contextFile is one file or symbolic link of a build context.
type contextFile struct {
	Path   string // slash-separated, relative to the context
	Exec   bool
	Link   string // target of a symbolic link; "" for a file
	Digest [sha256.Size]byte
}

// readInput reads the Dockerfile and the context of a recipe.
func readInput(root string, r recipe, want string) (*input, error) {
	in := &input{Recipe: r, Root: filepath.Join(root, filepath.FromSlash(r.Context)), Images: map[string]string{}}
	path := filepath.Join(root, filepath.FromSlash(r.Dockerfile))
	var err error
	if in.Dockerfile, err = os.ReadFile(path); err != nil {
		return nil, fmt.Errorf("reading the Dockerfile of %s: %w; set %s to its path", r.Name, err, setting(r, "DOCKERFILE"))
	}
	in.Parsed = parseDockerfile(string(in.Dockerfile))
	in.Stage = in.Parsed.pick(want)
	in.reach = in.Parsed.reach(in.Stage, r.Args)
	in.ignore, err = ignoreRules(path, in.Root)
	if err != nil {
		return nil, fmt.Errorf("reading what %s leaves out: %w", r.Name, err)
	}
	if in.Files, err = walk(in.Root, in.ignore); err != nil {
		return nil, fmt.Errorf("reading the build context of %s: %w; set %s to its folder", r.Name, err, setting(r, "CONTEXT"))
	}
	// Only what the stage copies: an edit of the source doesn't make another image of the
	// dev stage, where the source is mounted.
	in.Files = slices.DeleteFunc(in.Files, func(f contextFile) bool { return !in.reach.takes(f.Path) })
	return in, nil
}

// Keys of an input's images that are not build arguments of ours.
const (
	fromArgument  = "FROM"  // somebody else's image that it begins with
	readyArgument = "READY" // somebody else's image that it is, but for the health check
	rootArgument  = "ROOT"  // what a base image begins with
)

// needs are the images of ours that have to be there first, by build argument.
func (in *input) needs() map[string]string {
	needs := in.arguments()
	if in.Probe {
		needs[probeArgument] = probeName
	}
	return needs
}

// arguments are the build arguments that stand for images of ours.
func (in *input) arguments() map[string]string {
	needs := map[string]string{} // an image that a setting gives has none
	maps.Copy(needs, in.reach.Needs)
	return needs
}

func setting(r recipe, what string) string { return strings.ToUpper(r.Name) + "_" + what }

// Hash is the input hash. A file's owner, times and modes other than "executable" are
// not in it: they depend on the checkout.
func (in *input) Hash() string {
	h := sha256.New()
	line := func(parts ...string) {
		for _, p := range parts {
			fmt.Fprintf(h, "%d:%s,", len(p), p)
		}
	}
	line("drydock input 2", in.Recipe.Name, in.Stage, string(in.Dockerfile))
	for _, m := range []map[string]string{in.Images, in.Recipe.Args} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			line(k, m[k])
		}
		line("")
	}
	for _, f := range in.Files {
		line(f.Path, fmt.Sprint(f.Exec), f.Link, string(f.Digest[:]))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ignoreRules reads <Dockerfile>.dockerignore, else the context's .dockerignore, as
// BuildKit does.
func ignoreRules(dockerfile, context string) (*patternmatcher.PatternMatcher, error) {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(context, ".dockerignore")} {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		m, err := patternmatcher.New(patterns)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return m, nil
	}
	return patternmatcher.New(nil)
}

// walk lists the files of a context that are not ignored.
func walk(root string, ignore *patternmatcher.PatternMatcher) ([]contextFile, error) {
	var files []contextFile
	parents := map[string]patternmatcher.MatchInfo{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if rel == "." {
			return nil
		}
		slash := filepath.ToSlash(rel)
		out, info, err := ignore.MatchesUsingParentResults(slash, parents[filepath.Dir(rel)])
		if err != nil {
			return err
		}
		if d.IsDir() {
			parents[rel] = info
			if out && !reincluded(ignore, slash) {
				return filepath.SkipDir
			}
			return nil
		}
		if out {
			return nil
		}
		f, err := readFile(path, slash, d)
		if err != nil {
			return err
		}
		if f != nil {
			files = append(files, *f)
		}
		return nil
	})
	slices.SortFunc(files, func(a, b contextFile) int { return strings.Compare(a.Path, b.Path) })
	return files, err
}

// reincluded says whether a pattern with ! may match below an ignored folder.
func reincluded(ignore *patternmatcher.PatternMatcher, dir string) bool {
	if !ignore.Exclusions() {
		return false
	}
	for _, p := range ignore.Patterns() {
		if !p.Exclusion() {
			continue
		}
		pattern := filepath.ToSlash(p.String())
		if literal, _, wild := strings.Cut(pattern, "*"); wild && (strings.HasPrefix(dir+"/", literal) || strings.HasPrefix(literal, dir+"/")) {
			return true
		}
		if strings.HasPrefix(pattern+"/", dir+"/") {
			return true
		}
	}
	return false
}

func readFile(path, slash string, d fs.DirEntry) (*contextFile, error) {
	info, err := d.Info()
	if err != nil {
		return nil, err
	}
	switch info.Mode().Type() {
	case 0:
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return &contextFile{Path: slash, Exec: info.Mode()&0o111 != 0, Digest: sha256.Sum256(data)}, nil
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return nil, err
		}
		return &contextFile{Path: slash, Link: target, Digest: sha256.Sum256([]byte(target))}, nil
	}
	return nil, nil // a socket or a pipe cannot be sent to a build either
}
