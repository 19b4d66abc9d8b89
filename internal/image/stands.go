package image

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// An image's input holds the ids of the images that it was made from, which nobody needs
// to run it. An engine that got it from an archive or from another engine has only itself.
// So it tells what it stands on, and is known there as what it is, without the groundwork
// being built again.

// footing is one image that another was made from.
type footing struct {
	Input string `json:"input,omitempty"`
	ID    string `json:"id,omitempty"`
	From  string `json:"from,omitempty"` // id of somebody else's image that it begins with
}

// footings are those under an image, by name, down to the base; under its own name only
// what is not ours.
type footings map[string]footing

// standsOn is what the label of an image says, whose needs are all there.
func (b *builder) standsOn(in *input) footings {
	on := footings{}
	if from := in.Images[fromArgument]; from != "" {
		on[in.Recipe.Name] = footing{From: from}
	}
	var add func(in *input)
	add = func(in *input) {
		for _, name := range in.needs() {
			if _, known := on[name]; known {
				continue
			}
			need, img := b.inputs[name], b.done(name)
			on[name] = footing{Input: img.Input, ID: img.ID, From: need.Images[fromArgument]}
			add(need)
		}
	}
	add(in)
	return on
}

// label adds what an image stands on to its labels.
func (on footings) label(labels map[string]string) error {
	if len(on) == 0 {
		return nil
	}
	text, err := json.Marshal(on) // keys come out sorted
	labels[labelStands] = string(text)
	return err
}

// carried is an image that is complete here, and maybe what it stands on is not.
type carried struct {
	hash, id string
	on       footings
}

// carry finishes the wanted images that are here without having to be built, and returns
// those inputs of the order that are left: what is not here, and what that stands on.
//
// Groundwork that has to be built for one image counts for all: another that was made
// from an earlier making of it is then looked at as if it told nothing.
func (b *builder) carry(ctx context.Context, order []string) ([]string, error) {
	if b.NoCache {
		return order, nil
	}
	found := map[string]carried{}
	var mu sync.Mutex // guards found
	g, inner := errgroup.WithContext(ctx)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(b.Names))) {
		if b.have[name].ID != "" {
			continue // given by a setting
		}
		g.Go(func() error {
			c, ok, err := b.find(inner, b.inputs[name])
			if ok {
				mu.Lock()
				defer mu.Unlock()
				found[name] = c
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	left := b.without(found)
	g, inner = errgroup.WithContext(ctx)
	for name, c := range found {
		g.Go(func() error { return b.finish(inner, b.inputs[name], c.hash, c.id, false) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(order), func(name string) bool { return !left[name] }), nil
}

// without takes out of found what cannot stay, and returns the names of all that the rest
// of the wanted images need.
func (b *builder) without(found map[string]carried) map[string]bool {
	for {
		left := map[string]bool{}
		var need func(name string)
		need = func(name string) {
			if left[name] {
				return
			}
			left[name] = true
			for _, under := range b.inputs[name].needs() {
				need(under)
			}
		}
		for _, name := range b.Names {
			if _, ok := found[name]; !ok {
				need(name)
			}
		}
		before := len(found)
		maps.DeleteFunc(found, func(name string, c carried) bool {
			for under, f := range c.on {
				if _, here := b.there(under, f.Input, anyImage); under != name && left[under] && !here {
					return true
				}
			}
			return false
		})
		if len(found) == before {
			return left
		}
	}
}

// find looks for an image of ours whose input is that of now, if what it says of the images
// that it was made from is true of those that are here.
func (b *builder) find(ctx context.Context, in *input) (c carried, ok bool, err error) {
	for _, l := range b.local {
		told := l.Labels[labelStands]
		if told == "" || l.Labels[labelImage] != in.Recipe.Name || !genuine(l) {
			continue
		}
		on := footings{}
		if err := json.Unmarshal([]byte(told), &on); err != nil {
			return c, false, fmt.Errorf("reading what the image %s stands on (label %s): %w", short(l.ID), labelStands, err)
		}
		hash, match, err := b.hashOn(in, on)
		if err != nil {
			return c, false, err
		}
		if !match || hash != l.Labels[labelInput] {
			continue
		}
		if err := b.trace(ctx, in, hash); err != nil {
			return c, false, err
		}
		if in.tells(l) {
			return carried{hash, l.ID, on}, true, nil
		}
	}
	return c, false, nil
}

// hashOn is the hash of an input on these footings; not ok when one of them is not what it
// would be now. One that is here itself is asked, and not what is said of it.
func (b *builder) hashOn(in *input, on footings) (hash string, ok bool, err error) {
	as := *in
	as.Images = maps.Clone(in.Images)
	for arg, name := range in.needs() {
		f := on[name]
		hash, ok, err := b.hashOn(b.inputs[name], on)
		if err != nil || !ok || hash != f.Input || f.ID == "" {
			return "", false, err
		}
		if here, is := b.there(name, hash, anyImage); is && here.ID != f.ID {
			return "", false, nil
		}
		as.Images[arg] = f.ID
	}
	if in.from != "" && as.Images[fromArgument] == "" {
		if as.Images[fromArgument] = on[in.Recipe.Name].From; as.Images[fromArgument] == "" {
			return "", false, nil
		}
	}
	if in.Recipe.Root == "" {
		return as.Hash(), true, nil
	}
	roots, err := b.roots.known(in.Recipe.Root)
	if err != nil {
		return "", false, err
	}
	for _, src := range roots {
		as.Images[rootArgument] = src.key()
		hash := as.Hash()
		if _, here := b.there(in.Recipe.Name, hash, anyImage); here || hash == on[in.Recipe.Name].Input {
			return hash, true, nil
		}
	}
	return "", false, nil
}
