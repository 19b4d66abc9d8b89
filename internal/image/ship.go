package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"drydock/internal/engine"
)

// Source is the engine that an image comes from.
type Source interface {
	Saver
	Image(ctx context.Context, ref string) (engine.Image, error)
}

// Target is the engine that an image is brought to.
type Target interface {
	Image(ctx context.Context, ref string) (engine.Image, error)
	Images(ctx context.Context, f engine.Filter) ([]engine.Image, error)
	Load(ctx context.Context, archive io.Reader, progress func(string)) ([]string, error)
	Tag(ctx context.Context, ref, name string) error
}

// Shipped is what became of one image; the JSON names are stable.
type Shipped struct {
	Ref    string `json:"reference"`
	ID     string `json:"id"`
	Status string `json:"status"` // shipped, tagged or unchanged
	Whole  int64  `json:"whole"`  // bytes of all layers, uncompressed
	Layers int64  `json:"layers"` // bytes of the layers that had to travel, uncompressed
	Sent   int64  `json:"sent"`   // bytes on the wire
}

// More values of Shipped.Status; StatusUnchanged is another.
const (
	StatusShipped = "shipped"
	StatusTagged  = "tagged" // the image was there under another name
)

// ShipOptions says how to ship.
type ShipOptions struct {
	Compress bool      // gzip on the wire: right for anything but a local socket
	Narrate  io.Writer // nil is silent
}

// Ship brings images to another engine without a registry. What the target has
// already does not travel: an image with the same id is only tagged, and layers
// that any image there has are left out. Done ones are in the result even if a
// later one fails.
func Ship(ctx context.Context, from Source, to Target, refs []string, opts ShipOptions) ([]Shipped, error) {
	var done []Shipped
	for _, ref := range refs {
		s, err := ship(ctx, from, to, ref, opts)
		if err != nil {
			return done, fmt.Errorf("shipping %s: %w", ref, err)
		}
		done = append(done, s)
	}
	return done, nil
}

func ship(ctx context.Context, from Source, to Target, ref string, opts ShipOptions) (Shipped, error) {
	say := &lines{w: opts.Narrate, prefix: ref + ": "}
	if strings.Contains(ref, "@") {
		return Shipped{}, errors.New("it is named by digest, and engines take such names from registries only: give it a tag (docker tag) and use that in the settings")
	}
	here, err := from.Image(ctx, ref)
	if err != nil {
		return Shipped{}, fmt.Errorf("looking for it here: %w", err)
	}
	done := Shipped{Ref: ref, ID: here.ID}
	done.Status, err = settle(ctx, to, here, ref, say)
	if err != nil || done.Status != "" {
		return done, err
	}
	archive, err := save(ctx, from, ref)
	if err != nil {
		return done, err
	}
	defer archive.Close()
	got, err := deliver(ctx, to, &archive.content, here, ref, opts.Compress, say)
	if err != nil {
		return done, err
	}
	got.Ref, got.ID, got.Status = ref, here.ID, StatusShipped
	say.printf("shipped: %s sent, %s of %s in layers", size(got.Sent), size(got.Layers), size(got.Whole))
	return got, nil
}

// settle finishes without sending anything where it can; "" means that the
// image has to travel.
func settle(ctx context.Context, to Target, here engine.Image, ref string, say *lines) (string, error) {
	there, err := to.Image(ctx, ref)
	switch {
	case errors.Is(err, engine.ErrNotFound):
	case err != nil:
		return "", fmt.Errorf("looking for it at the target: %w", err)
	case same(here, there):
		say.printf("is already there")
		return StatusUnchanged, nil
	case here.Labels[labelInput] == "" || here.Labels[labelInput] != there.Labels[labelInput]:
		// A rebuild of the same input may take the tag over; anything else may not.
		return "", fmt.Errorf("%w: %s is %s there and %s here; tags are never moved: remove it there if nothing runs on it, or ship another version",
			ErrTagTaken, ref, short(there.ID), short(here.ID))
	}
	if _, err := to.Image(ctx, here.ID); errors.Is(err, engine.ErrNotFound) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("looking for %s at the target: %w", short(here.ID), err)
	}
	if err := to.Tag(ctx, here.ID, ref); err != nil {
		return "", fmt.Errorf("tagging %s at the target: %w", short(here.ID), err)
	}
	say.printf("is already there under another name, tagged")
	return StatusTagged, nil
}

// deliver loads the image into the target, without the layers that are there
// if the target accepts that, and checks that the very same image arrived.
func deliver(ctx context.Context, to Target, c *content, want engine.Image, tag string, compress bool, say *lines) (Shipped, error) {
	var done Shipped
	for _, l := range c.Layers {
		done.Whole += l.Size
	}
	have, err := chainsOf(ctx, to)
	if err != nil {
		return done, err
	}
	sent, left, wire, err := load(ctx, to, c, tag, have, compress)
	if err != nil && left > 0 && ctx.Err() == nil {
		// An image there was removed in between, or the engine keeps its images
		// in a content store and needs every blob.
		say.printf("the target wants the whole image (%v)", err)
		first := wire
		sent, _, wire, err = load(ctx, to, c, tag, nil, compress)
		wire += first
	}
	done.Layers, done.Sent = sent, wire
	if err != nil {
		return done, err
	}
	there, err := to.Image(ctx, tag)
	if err != nil {
		return done, fmt.Errorf("looking for the image at the target after loading it: %w", err)
	}
	if !same(want, there) {
		return done, fmt.Errorf("the target has %s after loading %s: it was not the same image that arrived; try again", short(there.ID), short(want.ID))
	}
	return done, nil
}

// chainsOf is every layer chain of an engine.
func chainsOf(ctx context.Context, to Target) (map[string]bool, error) {
	images, err := inspectAll(ctx, to, engine.Filter{})
	if err != nil {
		return nil, fmt.Errorf("looking at the target's images: %w", err)
	}
	have := map[string]bool{}
	for _, img := range images {
		for _, chain := range chainIDs(img.Layers) {
			have[chain] = true
		}
	}
	return have, nil
}

// load streams an archive into the target. wire counts the bytes that the
// engine's client took.
func load(ctx context.Context, to Target, c *content, tag string, have map[string]bool, compress bool) (sent, left, wire int64, err error) {
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		var err error
		var out io.WriteCloser = nopCloser{pw}
		if compress {
			out = gzip.NewWriter(pw)
		}
		sent, left, err = writeArchive(out, c, []string{tag}, have)
		err = errors.Join(err, out.Close())
		done <- errors.Join(err, pw.CloseWithError(err))
	}()
	counted := &countingReader{r: contextReader{ctx, pr}}
	_, loadErr := to.Load(ctx, counted, nil)
	// An engine that stopped reading must not leave the writer hanging.
	_ = pr.CloseWithError(errStopped) // always nil
	writeErr := <-done
	wire = counted.n
	switch {
	case loadErr != nil:
		return sent, left, wire, fmt.Errorf("the target: %w", loadErr)
	case writeErr != nil && !errors.Is(writeErr, errStopped):
		return sent, left, wire, fmt.Errorf("writing the archive: %w", writeErr)
	}
	// An engine with graph drivers notes when it named an image, but not in a load; prune
	// goes by that time.
	return sent, left, wire, to.Tag(ctx, tag, tag)
}

var errStopped = errors.New("the engine stopped reading")

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// same says whether two engines hold one image. An engine with a content store
// names an image by its manifest instead of its configuration, so where the ids
// differ the layers and the labels decide.
func same(a, b engine.Image) bool {
	if a.ID == b.ID {
		return true
	}
	return len(a.Layers) > 0 && a.Labels[labelInput] != "" &&
		slices.Equal(a.Layers, b.Layers) && maps.Equal(a.Labels, b.Labels)
}

// Remote says whether an engine's address is on another machine, where
// compression is worth its while. "" is the local engine.
func Remote(host string) bool {
	return host != "" && !strings.HasPrefix(host, "unix://") && !strings.HasPrefix(host, "npipe://")
}
