package image

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Stored is one image of ours in an engine.
type Stored struct {
	ID      string
	Refs    []string // every reference to it, sorted; none for a leftover of a rebuild
	Name    string   // label drydock.image
	Target  string   // label drydock.target
	Input   string   // label drydock.input
	Version string   // label org.opencontainers.image.version
	Created time.Time
	Dated   bool      // Created is a commit's time; else it was derived from the sources' hash
	Tagged  time.Time // when this engine last named it; zero when it does not say
	Size    int64     // bytes, shared layers included
	Layers  []string  // diff ids, lowest first
	Users   []User
}

// User is a container made from an image.
type User struct {
	Container string
	Project   string // label drydock.project; "" for a stranger's container
	Running   bool
}

// newer orders images by what "newest" means: the last that this engine was given or
// built. Two that it named in the same moment (a release is loaded at once), or of which it
// does not say, go by their commits.
func newer(a, b Stored) int {
	return cmp.Or(b.Tagged.Compare(a.Tagged), b.since().Compare(a.since()))
}

// since is the time of an image's commit. An image of uncommitted sources has a time that
// only looks like one (a reproducible image cannot know when it was built), so
// unless something uses it, it goes before every image of a commit.
func (s Stored) since() time.Time {
	if s.Dated {
		return s.Created
	}
	return time.Time{}
}

// PruneRules says what stays besides the images in use.
type PruneRules struct {
	Prefix string   // IMAGE_PREFIX: images tagged elsewhere are not ours to remove
	Keep   int      // newest images per name and target
	Pinned []string // references or ids that must stay whatever their age, such as those of the previous release
	Now    time.Time
}

// atWork is how long a build may take. What it tagged as unfinished is kept so
// long, and after that was left by one that was killed.
const atWork = 2 * time.Hour

// Verdict is what is to become of one image, and why.
type Verdict struct {
	Stored
	Kept   bool
	Reason string
}

// groundwork are the images that others are built from: one of each is enough,
// and whatever a kept image stands on.
func groundwork(name string) bool {
	return strings.HasPrefix(name, "root-") || strings.HasPrefix(name, "base-") || strings.HasPrefix(name, "toolchain-") || name == "nginx-base"
}

// PlanPrune decides for every image, newest first within its name and target.
// It is pure: the same images and rules give the same plan.
func PlanPrune(images []Stored, rules PruneRules) []Verdict {
	plan := make([]Verdict, 0, len(images))
	for _, img := range images {
		plan = append(plan, Verdict{Stored: img})
	}
	slices.SortFunc(plan, func(a, b Verdict) int {
		return cmp.Or(
			cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Target, b.Target),
			newer(a.Stored, b.Stored),
			cmp.Compare(a.ID, b.ID),
		)
	})
	keepForItself(plan, rules)
	keepForOthers(plan)
	for i := range plan {
		if v := &plan[i]; !v.Kept {
			v.Reason = removalReason(v.Stored, rules)
		}
	}
	return plan
}

func keepForItself(plan []Verdict, rules PruneRules) {
	type line struct {
		name, target string
		dated        bool // of groundwork one is kept of each kind: which of the two is current cannot be told
	}
	seen := map[line]int{}
	for i := range plan {
		v := &plan[i]
		group := line{name: v.Name, target: v.Target, dated: v.Dated && groundwork(v.Name)}
		keep := max(rules.Keep, 0)
		if groundwork(v.Name) {
			keep = 1
		}
		nth := 0 // leftovers and unfinished images are no versions
		if len(v.Refs) > 0 && !unfinished(v.Stored) {
			seen[group]++
			nth = seen[group]
		}
		switch {
		case len(v.Users) > 0:
			v.keep(usedBy(v.Users))
		case pinned(v.Stored, rules.Pinned):
			v.keep("pinned: a release that can be returned to")
		case stranger(v.Stored, rules.Prefix) != "":
			v.keep("also tagged " + stranger(v.Stored, rules.Prefix) + ", which is not ours to remove")
		case unfinished(v.Stored) && rules.Now.Sub(later(v.Created, v.Tagged)) < atWork:
			v.keep("a build may be at work on it")
		case derived(v.Stored, plan):
			v.keep("built on " + v.Name + " by someone else")
		case nth > 0 && nth <= keep && groundwork(v.Name):
			v.keep("current")
		case nth > 0 && nth <= keep:
			v.keep(fmt.Sprintf("newest %d of %d", nth, keep))
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// keepForOthers keeps the groundwork under every image that stays.
func keepForOthers(plan []Verdict) {
	for i := range plan {
		v := &plan[i]
		if v.Kept || !groundwork(v.Name) {
			continue
		}
		for _, other := range plan {
			if other.Kept && other.ID != v.ID && under(v.Layers, other.Layers) {
				v.keep("under " + other.label())
				break
			}
		}
	}
}

func (v *Verdict) keep(reason string) { v.Kept, v.Reason = true, reason }

func (v *Verdict) label() string {
	if len(v.Refs) > 0 {
		return v.Refs[0]
	}
	return v.Name + "@" + short(v.ID)
}

func removalReason(s Stored, rules PruneRules) string {
	switch {
	case len(s.Refs) == 0:
		return "leftover without a tag"
	case unfinished(s):
		return "left by a build that was broken off"
	case groundwork(s.Name):
		return "replaced, nothing kept stands on it"
	}
	return fmt.Sprintf("unused, older than the newest %d", max(rules.Keep, 0))
}

func usedBy(users []User) string {
	word := "stopped"
	names := make([]string, 0, len(users))
	for _, u := range users {
		if u.Running {
			word = "running"
		}
		names = append(names, u.Container)
	}
	slices.Sort(names)
	if len(names) > 2 {
		return fmt.Sprintf("%s: %s and %d more", word, names[0], len(names)-1)
	}
	return word + ": " + strings.Join(names, ", ")
}

func pinned(s Stored, pins []string) bool {
	return slices.ContainsFunc(pins, func(pin string) bool {
		return pin != "" && (pin == s.ID || slices.Contains(s.Refs, pin))
	})
}

// unfinished tells an image that a build has not completed yet: all of its tags
// are working names.
func unfinished(s Stored) bool {
	return len(s.Refs) > 0 && !slices.ContainsFunc(s.Refs, func(ref string) bool {
		_, tag := splitRef(ref)
		return !strings.HasPrefix(tag, "building-")
	})
}

// stranger returns a tag of the image that Drydock did not give it.
func stranger(s Stored, prefix string) string {
	for _, ref := range s.Refs {
		if repo, _ := splitRef(ref); repo != prefix+"/"+s.Name {
			return ref
		}
	}
	return ""
}

// derived tells an image that only inherited the labels of ours: it stands on
// the one that they were made for.
func derived(s Stored, plan []Verdict) bool {
	return slices.ContainsFunc(plan, func(o Verdict) bool {
		return o.ID != s.ID && o.Name == s.Name && o.Input == s.Input && under(o.Layers, s.Layers)
	})
}

// under says whether the layers are the lower part of the others.
func under(lower, upper []string) bool {
	return len(lower) > 0 && len(lower) < len(upper) && slices.Equal(lower, upper[:len(lower)])
}

// splitRef cuts a reference before its tag; a colon before the last slash is a port.
func splitRef(ref string) (repo, tag string) {
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[:i], ref[i+1:]
	}
	return ref, ""
}
