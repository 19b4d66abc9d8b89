package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/image"
)

// Save returns images with all their layers as a tar stream (docker save). The caller
// closes it.
func (c *Client) Save(ctx context.Context, refs ...string) (io.ReadCloser, error) {
	r, err := c.api.ImageSave(ctx, refs)
	if err != nil {
		return nil, c.fail(err, "saving %s", strings.Join(refs, ", "))
	}
	return r, nil
}

// Load reads such a stream (docker load) and returns the names or ids of the images
// in it. Progress gets a line for each layer; nil discards.
func (c *Client) Load(ctx context.Context, archive io.Reader, progress func(string)) ([]string, error) {
	r, err := c.api.ImageLoad(ctx, archive)
	if err != nil {
		return nil, c.fail(contextFirst(ctx, err), "loading images")
	}
	defer r.Body.Close()
	var loaded []string
	err = messages(r.Body, func(m message) {
		text := strings.TrimSpace(m.Stream)
		for _, before := range []string{"Loaded image ID: ", "Loaded image: "} {
			if name, ok := strings.CutPrefix(text, before); ok {
				loaded = append(loaded, name)
			}
		}
		report(progress, m)
	})
	return loaded, c.fail(contextFirst(ctx, err), "loading images")
}

// ImportOptions say what an imported file system becomes.
type ImportOptions struct {
	Ref     string // name:tag; "" leaves it nameless
	Labels  map[string]string
	Changes []string // Dockerfile instructions: CMD, ENTRYPOINT, ENV, EXPOSE, USER, WORKDIR, HEALTHCHECK, ...
	Message string
}

// Import makes an image of one layer from the tar stream of a root file system (docker
// import) and returns its id.
func (c *Client) Import(ctx context.Context, rootfs io.Reader, o ImportOptions) (string, error) {
	changes := slices.Clone(o.Changes)
	for _, k := range slices.Sorted(maps.Keys(o.Labels)) {
		changes = append(changes, "LABEL "+quote(k)+"="+quote(o.Labels[k]))
	}
	r, err := c.api.ImageImport(ctx, image.ImportSource{Source: rootfs, SourceName: "-"}, o.Ref,
		image.ImportOptions{Changes: changes, Message: o.Message})
	if err != nil {
		return "", c.fail(contextFirst(ctx, err), "importing image %s", o.Ref)
	}
	defer r.Close()
	var id string
	err = messages(r, func(m message) {
		if strings.HasPrefix(m.Status, "sha256:") {
			id = m.Status
		}
	})
	if err == nil && id == "" {
		err = errors.New("the engine did not say which image it made")
	}
	return id, c.fail(contextFirst(ctx, err), "importing image %s", o.Ref)
}

// quote writes a word of a Dockerfile instruction so that nothing in it is expanded.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s) + `"`
}

// Pull fetches an image from a registry, without credentials.
func (c *Client) Pull(ctx context.Context, ref string, progress func(string)) error {
	r, err := c.api.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return c.fail(contextFirst(ctx, err), "pulling %s", ref)
	}
	defer r.Close()
	err = messages(r, func(m message) { report(progress, m) })
	return c.fail(contextFirst(ctx, err), "pulling %s", ref)
}

// message is one object of the engine's progress streams.
type message struct {
	Stream string `json:"stream"`
	Status string `json:"status"`
	ID     string `json:"id"`
	Error  string `json:"error"`
}

// messages reads a progress stream to its end: only then is the work done. An error
// comes as a message, after the status code already said that all is well.
func messages(r io.Reader, each func(message)) error {
	dec := json.NewDecoder(r)
	for {
		var m message
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the engine's answer: %w", err)
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
		each(m)
	}
}

func report(progress func(string), m message) {
	if progress == nil {
		return
	}
	text := strings.TrimSpace(m.Stream)
	if text == "" {
		text = strings.TrimSpace(m.ID + " " + m.Status)
	}
	if text != "" {
		progress(text)
	}
}

// contextFirst prefers the context's cause to the broken connection that it led to.
func contextFirst(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
