package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ErrTagTaken says that the registry has the tag already, on another image.
// Tags are immutable: what was deployed under one must stay what it was.
var ErrTagTaken = errors.New("the tag is taken by another image")

// PushImage is one image to publish.
type PushImage struct {
	Ref  string // reference in the engine
	Name string // name below the registry's path, for example backend
	Tag  string
}

// Pushed is what became of one image; the JSON names are stable.
type Pushed struct {
	Name     string `json:"name"`
	Tag      string `json:"tag"`
	ID       string `json:"id"`        // the image's id in an engine
	Digest   string `json:"digest"`    // of the manifest in the registry
	Ref      string `json:"reference"` // host/path/name@digest, what a deployment should name
	Status   string `json:"status"`    // pushed or unchanged
	Bytes    int64  `json:"bytes"`     // of all its blobs, compressed
	Uploaded int64  `json:"uploaded"`  // of those that the registry lacked
}

// The values of Pushed.Status.
const (
	StatusPushed    = "pushed"
	StatusUnchanged = "unchanged"
)

// Push publishes the images one after the other, so that layers they share are
// compressed and uploaded once; the blobs of each go up in parallel, and only
// those that the registry lacks. Done ones are in the result even if a later one
// fails; a second run goes on from there.
func Push(ctx context.Context, from Saver, images []PushImage, reg Registry, narrate io.Writer) ([]Pushed, error) {
	session, err := reg.open()
	if err != nil {
		return nil, err
	}
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	defer packer.Close()
	var done []Pushed
	for _, img := range images {
		p, err := session.push(ctx, from, img, packer, &lines{w: narrate, prefix: img.Name + ": "})
		if err != nil {
			return done, session.explain(fmt.Errorf("pushing %s: %w", img.Ref, err))
		}
		done = append(done, p)
	}
	return done, nil
}

func (s *session) push(ctx context.Context, from Saver, img PushImage, packer *packer, say *lines) (Pushed, error) {
	repo := s.repo(img.Name)
	tag, err := name.NewTag(repo.Name()+":"+img.Tag, s.nameOptions...)
	if err != nil {
		return Pushed{}, err
	}
	done := Pushed{Name: img.Name, Tag: img.Tag, Status: StatusPushed}

	there, err := s.manifest(ctx, tag)
	if err != nil {
		return done, err
	}
	archive, err := save(ctx, from, img.Ref)
	if err != nil {
		return done, err
	}
	defer archive.Close()
	done.ID = archive.ID()

	if there != nil {
		// The configuration's digest is compared, not the manifest's: the latter
		// depends on the compressor of whoever pushed, the former is the image.
		if there.config != done.ID {
			return done, fmt.Errorf("%w: %s is %s there and %s here; tags are never moved: push under a new version, or delete it in the registry first",
				ErrTagTaken, tag, short(there.config), short(done.ID))
		}
		done.Status, done.Digest, done.Bytes = StatusUnchanged, there.digest, there.bytes
		done.Ref = repo.Name() + "@" + done.Digest
		say.printf("%s is already there as %s", tag, short(done.Digest))
		return done, nil
	}

	packed, err := packer.pack(ctx, &archive.content, say)
	if err != nil {
		return done, err
	}
	done.Bytes = packed.bytes()
	if err := remote.Write(tag, packed.image, s.options(ctx)...); err != nil {
		return done, err
	}
	digest, err := packed.image.Digest()
	if err != nil {
		return done, err
	}
	done.Digest, done.Ref, done.Uploaded = digest.String(), repo.Name()+"@"+digest.String(), packed.uploaded()
	say.printf("pushed %s, %s of %s uploaded", done.Ref, size(done.Uploaded), size(done.Bytes))
	return done, nil
}

// known is a manifest that the registry has.
type known struct {
	digest, config string
	bytes          int64
}

// manifest returns nil when the registry does not have the reference.
func (s *session) manifest(ctx context.Context, ref name.Reference) (*known, error) {
	got, err := remote.Get(ref, s.options(ctx)...)
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking the registry for %s: %w", ref, err)
	}
	k := &known{digest: got.Digest.String()}
	if got.MediaType.IsIndex() {
		// Somebody's multi-platform index: certainly not what we would push.
		k.config = k.digest
		return k, nil
	}
	m, err := v1.ParseManifest(strings.NewReader(string(got.Manifest)))
	if err != nil {
		return nil, fmt.Errorf("reading the registry's manifest of %s: %w", ref, err)
	}
	k.config = m.Config.Digest.String()
	for _, l := range m.Layers {
		k.bytes += l.Size
	}
	return k, nil
}

// lines writes whole lines with a prefix, from several goroutines.
type lines struct {
	mu     sync.Mutex
	w      io.Writer
	prefix string
}

func (l *lines) printf(format string, args ...any) {
	if l == nil || l.w == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// Narration is a courtesy: a closed terminal must not fail the push.
	_, _ = fmt.Fprintf(l.w, l.prefix+format+"\n", args...)
}
