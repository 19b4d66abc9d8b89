package deploy

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"drydock/internal/compose"
)

// Image is an image of a release. The reference may be given to another image later; the
// id is what it is.
type Image struct {
	Ref string `json:"reference"`
	ID  string `json:"id"`
	Key string `json:"key"` // what it was built from, else the id
}

// Release is a version of the apps with its settings, as it was or will be started.
type Release struct {
	ID          string              `json:"id"`
	Version     string              `json:"version"`
	Revision    string              `json:"revision,omitempty"` // commit
	Backend     Image               `json:"backend"`
	Frontend    Image               `json:"frontend"`
	Fingerprint compose.Fingerprint `json:"fingerprint"`
	Migrations  map[string]string   `json:"migrations,omitempty"` // file to hash
	Live        time.Time           `json:"live,omitzero"`        // when it last went live
	Left        bool                `json:"left,omitempty"`       // by a rollback: nobody wants to get there by another one
	By          string              `json:"by"`
}

// newID names a release: when, and something that no other one of that second has.
func newID(now time.Time) string {
	b := make([]byte, 2)
	_, _ = rand.Read(b) // cannot fail: it ends the process instead
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(b)
}

// String is how people read of it.
func (r Release) String() string { return fmt.Sprintf("%s (%s)", r.Version, r.ID) }

// labels mark its containers.
func (r Release) labels() map[string]string {
	return map[string]string{
		compose.LabelRelease: r.ID, compose.LabelVersion: r.Version,
		compose.LabelRevision: r.Revision, compose.LabelFingerprint: r.Fingerprint.Sum,
	}
}

// Releases are those that can be gone back to, in the order in which they went live last.
type Releases []Release

// with adds a release, or moves it to the end, and forgets the oldest above keep. The one
// that pinned names stays.
func (l Releases) with(r Release, keep int, pinned string) Releases {
	out := slices.DeleteFunc(slices.Clone(l), func(o Release) bool { return o.ID == r.ID })
	out = append(out, r)
	for i := 0; len(out) > max(keep, 2) && i < len(out)-1; {
		if out[i].ID == pinned {
			i++
			continue
		}
		out = slices.Delete(out, i, i+1)
	}
	return out
}

// find returns the release that a person means: an id, or the newest one of a version.
func (l Releases) find(name string) (Release, bool) {
	for _, r := range slices.Backward(l) {
		if r.ID == name || r.Version == name {
			return r, true
		}
	}
	return Release{}, false
}

// before is the release that was live before the one with the id; without it, the last
// one. Those that a rollback has left are passed over: who goes back twice wants to get
// further back, and not to what was bad.
func (l Releases) before(id string) (Release, bool) {
	i := slices.IndexFunc(l, func(r Release) bool { return r.ID == id })
	if i < 0 {
		i = len(l)
	}
	for _, r := range slices.Backward(l[:i]) {
		if !r.Left {
			return r, true
		}
	}
	return Release{}, false
}

// leave marks a release that a rollback has left.
func (l Releases) leave(id string) Releases {
	out := slices.Clone(l)
	for i := range out {
		out[i].Left = out[i].Left || out[i].ID == id
	}
	return out
}

// images are the references that must not be pruned.
func (l Releases) images() []string {
	var refs []string
	for _, r := range l {
		refs = append(refs, r.Backend.ID, r.Frontend.ID)
	}
	return refs
}
