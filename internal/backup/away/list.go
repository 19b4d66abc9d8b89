package away

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"drydock/internal/backup/store"
)

// List are the copies that there are, oldest first.
func (p *Place) List(ctx context.Context) ([]Manifest, error) {
	objects, err := p.objects(ctx)
	if err != nil {
		return nil, err
	}
	var list []Manifest
	for _, o := range objects {
		if o.name != manifestName {
			continue
		}
		m, err := p.readManifest(ctx, o.id)
		if gone(err) {
			continue // removed just now
		}
		if err != nil {
			return nil, p.explain("reading the manifest of the copy of "+o.id, err)
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Manifest) int {
		return cmp.Or(cmp.Compare(store.Sequence(a.ID), store.Sequence(b.ID)), strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

// Named says whether a backup is meant by this id, or by the number in front of it.
func (m Manifest) Named(id string) bool { return store.Means(id, m.ID) }

// maxManifest bounds what is read of one.
const maxManifest = 1 << 20

func (p *Place) readManifest(ctx context.Context, id string) (m Manifest, err error) {
	o, err := p.client.GetObject(ctx, p.bucket, p.manifest(id), minio.GetObjectOptions{})
	if err != nil {
		return m, err
	}
	defer o.Close() // only read
	text, err := io.ReadAll(io.LimitReader(o, maxManifest))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, err
	}
	if m.Format > format {
		return m, fmt.Errorf("a newer Drydock wrote it (format %d, this one knows %d): use that one", m.Format, format)
	}
	if m.ID != id || m.Record.ID != id {
		return m, fmt.Errorf("it is the manifest of %q", m.ID)
	}
	return m, nil
}

type object struct {
	key, id, name string
	at            time.Time
}

// objects are all of the copies'.
func (p *Place) objects(ctx context.Context) (list []object, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range p.client.ListObjects(ctx, p.bucket, minio.ListObjectsOptions{Prefix: p.prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, p.explain("listing the copies", o.Err)
		}
		id, name, ok := strings.Cut(strings.TrimPrefix(o.Key, p.prefix), "/")
		if ok {
			list = append(list, object{o.Key, id, name, o.LastModified})
		}
	}
	return list, nil
}

// Remove takes a copy away: the manifest first.
func (p *Place) Remove(ctx context.Context, m Manifest) error {
	for _, key := range []string{p.manifest(m.ID), p.data(m)} {
		if err := p.client.RemoveObject(ctx, p.bucket, key, minio.RemoveObjectOptions{}); err != nil {
			return p.explain("removing the copy of "+m.ID, err)
		}
	}
	return nil
}

// leftFor is how long something without a manifest stays: another machine may be at work on it.
const leftFor = 24 * time.Hour

// Sweep takes away what uploads left that were cut off before the moment.
func (p *Place) Sweep(ctx context.Context, now time.Time) error {
	objects, err := p.objects(ctx)
	if err != nil {
		return err
	}
	whole := map[string]bool{}
	for _, o := range objects {
		whole[o.id] = whole[o.id] || o.name == manifestName
	}
	for _, o := range objects {
		if !whole[o.id] && now.Sub(o.at) > leftFor {
			err = errors.Join(err, p.explain("removing what was left of a copy", p.client.RemoveObject(ctx, p.bucket, o.key, minio.RemoveObjectOptions{})))
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for u := range p.client.ListIncompleteUploads(ctx, p.bucket, p.prefix, true) {
		if u.Err != nil {
			return errors.Join(err, p.explain("looking for uploads that were cut off", u.Err))
		}
		if now.Sub(u.Initiated) > leftFor {
			err = errors.Join(err, p.explain("removing an upload that was cut off", p.client.RemoveIncompleteUpload(ctx, p.bucket, u.Key)))
		}
	}
	return err
}
