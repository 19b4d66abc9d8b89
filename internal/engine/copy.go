package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// CopyTo unpacks a tar stream into a folder of a container, running or not. Owners and
// modes are the archive's. The folder has to exist.
func (c *Client) CopyTo(ctx context.Context, id, dir string, archive io.Reader) error {
	err := c.api.CopyToContainer(ctx, id, dir, archive, container.CopyToContainerOptions{})
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	return c.fail(err, "copying into %s of container %s", dir, short(id))
}

// CopyFrom returns a file or folder of a container, running or not, as a tar stream
// whose names begin with the last element of path. The caller closes it.
func (c *Client) CopyFrom(ctx context.Context, id, path string) (io.ReadCloser, error) {
	r, _, err := c.api.CopyFromContainer(ctx, id, path)
	if err != nil {
		return nil, c.fail(err, "copying %s of container %s", path, short(id))
	}
	return r, nil
}

// ReadFile returns the content of one regular file of a container.
func (c *Client) ReadFile(ctx context.Context, id, path string) ([]byte, error) {
	r, err := c.CopyFrom(ctx, id, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return onlyFile(r, path)
}

func onlyFile(r io.Reader, path string) ([]byte, error) {
	tr := tar.NewReader(r)
	h, err := tr.Next()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if h.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("reading %s: it is no regular file", path)
	}
	data, err := io.ReadAll(tr)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, nil
}

// volumeDir is where a volume appears in its scratch container. No image has it, so
// nothing of the image is copied into an empty volume.
const volumeDir = "/drydock-volume"

// WriteVolume unpacks a tar stream into a volume, which has to exist. It goes through a
// container of the image that is created, never started and always removed; so it needs
// no program in the image and works on a remote engine. If the first entry is named "./"
// its owner and mode become those of the volume's root.
func (c *Client) WriteVolume(ctx context.Context, image, volume string, archive io.Reader) error {
	id, err := c.volumeContainer(ctx, image, volume, false)
	if err != nil {
		return c.fail(err, "writing to volume %s", volume)
	}
	defer c.discard(ctx, id)
	root, archive, err := rootEntry(archive)
	if err != nil {
		return c.fail(err, "writing to volume %s", volume)
	}
	if root != nil {
		// The engine skips an entry for the folder that it unpacks into; seen from above
		// it is a folder like any other.
		root.Name = volumeDir[1:] + "/"
		only, err := Tar(*root)
		if err == nil {
			err = c.CopyTo(ctx, id, "/", only)
		}
		if err != nil {
			return c.fail(err, "writing to volume %s", volume)
		}
	}
	return c.fail(c.CopyTo(ctx, id, volumeDir, archive), "writing to volume %s", volume)
}

// rootEntry looks whether an archive begins with an entry for its root. What is returned
// has to be read instead of the archive.
func rootEntry(archive io.Reader) (*File, io.Reader, error) {
	var seen bytes.Buffer
	h, err := tar.NewReader(io.TeeReader(archive, &seen)).Next()
	whole := io.MultiReader(&seen, archive)
	switch {
	case errors.Is(err, io.EOF): // an empty archive
		return nil, whole, nil
	case err != nil:
		return nil, nil, fmt.Errorf("reading the archive: %w", err)
	case h.Typeflag != tar.TypeDir || path.Clean(h.Name) != ".":
		return nil, whole, nil
	}
	return &File{Mode: fs.FileMode(h.Mode).Perm(), UID: h.Uid, GID: h.Gid, ModTime: h.ModTime}, whole, nil
}

// ReadVolume returns a file or folder of a volume as a tar stream whose names begin
// with the last element of name; "." is the whole volume, with names beginning with
// "./". The caller closes it, which also removes the scratch container.
func (c *Client) ReadVolume(ctx context.Context, image, volume, name string) (io.ReadCloser, error) {
	id, err := c.volumeContainer(ctx, image, volume, true)
	if err != nil {
		return nil, c.fail(err, "reading volume %s", volume)
	}
	name = strings.Trim(name, "/")
	if name == "" {
		name = "."
	}
	r, err := c.CopyFrom(ctx, id, volumeDir+"/"+name)
	if err != nil {
		c.discard(ctx, id)
		return nil, c.fail(err, "reading volume %s", volume)
	}
	return &volumeReader{ReadCloser: r, discard: func() { c.discard(ctx, id) }}, nil
}

type volumeReader struct {
	io.ReadCloser
	discard func()
}

func (v *volumeReader) Close() error {
	defer v.discard()
	return v.ReadCloser.Close()
}

// ReadVolumeFile returns the content of one regular file of a volume.
func (c *Client) ReadVolumeFile(ctx context.Context, image, volume, path string) ([]byte, error) {
	r, err := c.ReadVolume(ctx, image, volume, path)
	if err != nil {
		return nil, err
	}
	data, err := onlyFile(r, path)
	return data, errors.Join(err, r.Close())
}

func (c *Client) volumeContainer(ctx context.Context, image, volume string, readOnly bool) (string, error) {
	v, err := c.Volume(ctx, volume) // a name that is wrong would silently make a new one
	if err != nil {
		return "", err
	}
	// The labels let a later cleaning-up find the container if this process is killed;
	// compose's own would make it part of a project.
	labels := map[string]string{}
	for k, value := range v.Labels {
		if !strings.HasPrefix(k, "com.docker.compose.") {
			labels[k] = value
		}
	}
	labels[LabelScratch] = "volume"
	return c.Create(ctx, Spec{
		Image: image, Entrypoint: []string{"/never-started"}, Cmd: []string{""}, Labels: labels,
		Mounts: []Mount{{Name: volume, Target: volumeDir, ReadOnly: readOnly, NoCopy: true}},
	})
}

// LabelScratch marks the containers that this package makes for itself. They are never
// started; one that is older than a minute was left behind by a killed process.
const LabelScratch = "drydock.scratch"
