package image

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

// shelf is an engine's list of images, made as builds make them.
type shelfOf struct {
	t     *testing.T
	b     *builder
	ids   map[string]string // of what was made last, by name
	local []engine.Image
}

// newShelfOf knows a base, a toolchain on it, and two images: one is made with the toolchain.
func newShelfOf(t *testing.T) *shelfOf {
	b := &builder{
		roots: &rootChooser{mode: "debian"}, inputs: map[string]*input{}, have: map[string]Image{}, layers: map[string][]string{},
	}
	needs := map[string]map[string]string{
		"base-trixie": nil, "base-forky": nil, "toolchain-go": {"BASE_TRIXIE": "base-trixie"},
		"one": {"BASE_TRIXIE": "base-trixie", "TOOLCHAIN_GO": "toolchain-go"}, "two": {"BASE_TRIXIE": "base-trixie"}, "three": {"BASE_FORKY": "base-forky"},
	}
	for name, need := range needs {
		in := &input{Recipe: recipe{Name: name}, Images: map[string]string{}, reach: reach{Needs: need}, Dockerfile: []byte(name)}
		if need == nil {
			in.Recipe.Root = name[len("base-"):]
		}
		b.inputs[name] = in
	}
	b.Names = []string{"one", "two", "three"}
	s := &shelfOf{t: t, b: b, ids: map[string]string{}}
	for _, name := range catalogueOf {
		s.make(name, "1")
	}
	return s
}

var catalogueOf = []string{"base-trixie", "base-forky", "toolchain-go", "one", "two", "three"}

// make builds one as of now; another making has another id.
func (s *shelfOf) make(name, making string) {
	in := s.b.inputs[name]
	as := *in
	as.Images = maps.Clone(in.Images)
	for arg, need := range in.needs() {
		as.Images[arg] = s.ids[need]
	}
	if in.Recipe.Root != "" {
		as.Images[rootArgument] = rootSource{Suite: in.Recipe.Root}.key()
	}
	if in.from != "" {
		as.Images[fromArgument] = s.ids[in.from]
	}
	hash, id := as.Hash(), "sha256:"+name+making
	at := time.Unix(1_700_000_000, 0)
	labels := map[string]string{labelImage: name, labelInput: hash, labelCreated: at.UTC().Format(time.RFC3339)}
	s.b.have[name] = Image{Name: name, ID: id, Input: hash}
	require.NoError(s.t, s.b.standsOn(&as).label(labels))
	s.ids[name] = id
	in.Images = as.Images // as resolve leaves it, for the labels of what comes after
	s.local = append([]engine.Image{{ID: id, Labels: labels, Created: at}}, s.local...)
}

// look is what is found by a new build, with what is here of the shelf.
func (s *shelfOf) look(here ...string) (found map[string]carried, left map[string]bool) {
	s.t.Helper()
	for _, in := range s.b.inputs {
		given := in.Images[fromArgument]
		if in.Images = map[string]string{}; in.from != "" && given == "given" {
			in.Images[fromArgument] = given
		}
	}
	s.b.local = nil
	for _, l := range s.local {
		for _, id := range here {
			if l.ID == "sha256:"+id {
				s.b.local = append(s.b.local, l)
			}
		}
	}
	found = map[string]carried{}
	for _, name := range s.b.Names {
		c, ok, err := s.b.find(s.t.Context(), s.b.inputs[name])
		require.NoError(s.t, err)
		if ok {
			found[name] = c
		}
	}
	return found, s.b.without(found)
}

func named[V any](m map[string]V) []string {
	var names []string
	for _, name := range catalogueOf {
		if _, ok := m[name]; ok {
			names = append(names, name)
		}
	}
	return names
}

func TestAnImageIsKnownWithoutWhatItWasMadeFrom(t *testing.T) {
	final := []string{"one1", "two1", "three1"}
	for name, c := range map[string]struct {
		change      func(s *shelfOf)
		here        []string
		found, left []string
	}{
		"all images, no groundwork": {here: final, found: []string{"one", "two", "three"}},
		"all of it":                 {here: append([]string{"base-trixie1", "base-forky1", "toolchain-go1"}, final...), found: []string{"one", "two", "three"}},
		"nothing":                   {left: catalogueOf},
		"one is changed, and its groundwork has to be made: what stands on that is looked at then": {
			change: func(s *shelfOf) { s.b.inputs["one"].Dockerfile = []byte("changed") }, here: final,
			found: []string{"three"}, left: []string{"base-trixie", "toolchain-go", "one", "two"},
		},
		"one is changed, and its groundwork is here": {
			change: func(s *shelfOf) { s.b.inputs["one"].Dockerfile = []byte("changed") }, here: append([]string{"base-trixie1", "toolchain-go1"}, final...),
			found: []string{"two", "three"}, left: []string{"base-trixie", "toolchain-go", "one"},
		},
		"the base is changed": {
			change: func(s *shelfOf) { s.b.inputs["base-trixie"].Dockerfile = []byte("changed") }, here: final,
			found: []string{"three"}, left: []string{"base-trixie", "toolchain-go", "one", "two"},
		},
		"the toolchain is changed": {
			change: func(s *shelfOf) { s.b.inputs["toolchain-go"].Dockerfile = []byte("changed") }, here: final,
			found: []string{"three"}, left: []string{"base-trixie", "toolchain-go", "one", "two"},
		},
		"the base that is here is another making of the same input": {
			change: func(s *shelfOf) { s.make("base-trixie", "2") }, here: append([]string{"base-trixie2"}, final...),
			found: []string{"three"}, left: []string{"base-trixie", "toolchain-go", "one", "two"},
		},
		"both makings of an image are here, and the base of one": {
			change: func(s *shelfOf) {
				s.make("base-trixie", "2")
				s.make("two", "2")
			}, here: append([]string{"base-trixie1", "two2"}, final...),
			found: []string{"one", "two", "three"},
		},
		"somebody else's image below it is not here": {
			change: func(s *shelfOf) {
				s.b.inputs["two"].from, s.ids["elsewhere"] = "elsewhere", "sha256:e"
				s.make("two", "2")
			}, here: []string{"one1", "two2", "three1"},
			found: []string{"one", "two", "three"},
		},
		"somebody else's image below it is another one now": {
			change: func(s *shelfOf) {
				s.b.inputs["two"].from, s.ids["elsewhere"] = "elsewhere", "sha256:e"
				s.make("two", "2")
				s.b.inputs["two"].Images[fromArgument] = "given"
			}, here: []string{"one1", "two2", "three1"},
			found: []string{"three"}, left: []string{"base-trixie", "toolchain-go", "one", "two"},
		},
		"a stranger's image that inherited the labels": {
			change: func(s *shelfOf) {
				for i := range s.local {
					if s.local[i].ID == "sha256:three1" {
						s.local[i].Created = time.Unix(1_800_000_000, 0)
					}
				}
			}, here: final,
			found: []string{"one", "two"}, left: []string{"base-forky", "three"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelfOf(t)
			if c.change != nil {
				c.change(s)
			}
			found, left := s.look(c.here...)
			assert.Equal(t, c.found, named(found))
			assert.Equal(t, c.left, named(left))
		})
	}
}

func TestWhatAnImageStandsOnIsReadOrRefused(t *testing.T) {
	s := newShelfOf(t)
	s.look("three1")
	s.b.local[0].Labels = maps.Clone(s.b.local[0].Labels)
	s.b.local[0].Labels[labelStands] = "{"
	_, _, err := s.b.find(t.Context(), s.b.inputs["three"])
	require.ErrorContains(t, err, labelStands)
}

func TestAnImageGivenWithoutAHealthCheckNeedsTheProbe(t *testing.T) {
	in := &input{Recipe: recipe{Name: Backend, Ready: "elsewhere/backend:1"}, Probe: true, Images: map[string]string{}}
	assert.Equal(t, map[string]string{probeArgument: probeName}, in.needs())
}
