package image

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// writeArchive writes the image as a docker-archive for an engine to load.
// Layers whose chain is in have are left out altogether: an engine with graph
// drivers asks its layer store for the chain before it opens the layer's file
// (moby image/tarexport/load.go, the same from 20.10 to 28), and one that
// needs the file after all says that there is no such file and keeps nothing.
// Nothing may stand in for a layer: a placeholder would be taken at its word by
// an engine with a content store.
//
// It returns how many bytes of layers were written and left out.
func writeArchive(w io.Writer, c *content, tags []string, have map[string]bool) (sent, left int64, err error) {
	tw := tar.NewWriter(w)
	item := archiveItem{Config: strings.TrimPrefix(c.ID(), "sha256:") + ".json", RepoTags: tags}
	if err := writeFile(tw, item.Config, c.Config); err != nil {
		return 0, 0, err
	}
	diffIDs := make([]string, 0, len(c.Layers))
	for _, l := range c.Layers {
		diffIDs = append(diffIDs, l.DiffID)
	}
	chains := chainIDs(diffIDs)
	written := map[string]bool{}
	for i, l := range c.Layers {
		name := strings.TrimPrefix(l.DiffID, "sha256:") + "/layer.tar"
		item.Layers = append(item.Layers, name)
		switch {
		case have[chains[i]]:
			left += l.Size
			continue
		case written[name]: // the same change twice in one image
			continue
		}
		written[name] = true
		if err := writeLayer(tw, name, l); err != nil {
			return sent, left, err
		}
		sent += l.Size
	}
	manifest, err := json.Marshal([]archiveItem{item})
	if err != nil {
		return sent, left, err
	}
	if err := writeFile(tw, "manifest.json", manifest); err != nil {
		return sent, left, err
	}
	return sent, left, tw.Close()
}

func writeFile(tw *tar.Writer, name string, data []byte) error {
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}

func writeLayer(tw *tar.Writer, name string, l blob) error {
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: l.Size, Format: tar.FormatPAX}); err != nil {
		return err
	}
	r, err := l.Open()
	if err != nil {
		return fmt.Errorf("reading layer %s: %w", short(l.DiffID), err)
	}
	defer r.Close()
	if _, err := io.Copy(tw, r); err != nil {
		return fmt.Errorf("copying layer %s: %w", short(l.DiffID), err)
	}
	return nil
}

// short cuts a digest to the twelve characters that people read.
func short(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
