package image

import (
	"context"
	"errors"
	"fmt"
)

// TransferSize is what push sends of an image to a registry that has none of it, in bytes: its
// layers, compressed, each once.
func TransferSize(ctx context.Context, from Saver, ref string) (n int64, err error) {
	s, err := save(ctx, from, ref)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p, err := newPacker()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if _, err := p.pack(ctx, &s.content, nil); err != nil {
		return 0, err
	}
	for _, l := range p.by {
		n += l.desc.Size
	}
	if n == 0 {
		return 0, fmt.Errorf("%s has no layer", ref)
	}
	return n, nil
}
