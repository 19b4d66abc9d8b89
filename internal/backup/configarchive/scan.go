package configarchive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Summary is what a whole, unchanged archive says of itself.
type Summary struct {
	Index   Index
	Signer  PublicKey
	Trusted bool // the signer is one of those that were given; false when none was
}

// Verify reads an archive to its end. The error names everything that is wrong with it.
// Without trusted keys it may come from anybody.
func Verify(ctx context.Context, r io.Reader, trusted ...PublicKey) (Summary, error) {
	s, err := scan(ctx, r, trusted, func(Entry, io.Reader) error { return nil })
	if err != nil {
		return Summary{}, fmt.Errorf("the archive of the configuration: %w", err)
	}
	return s, nil
}

const (
	// maxInMemory bounds what is held in memory of an archive that is not trusted yet.
	maxInMemory = 64 << 20
	// window is what the encoder uses, and so the most that the decoder may be made to use.
	window = 8 << 20
)

// scan reads everything, gives each file to keep, and decides at the end. Until it has
// returned without an error, nothing that keep got may be believed.
func scan(ctx context.Context, r io.Reader, trusted []PublicKey, keep func(Entry, io.Reader) error) (Summary, error) {
	z, err := zstd.NewReader(ctxReader{ctx, r}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return Summary{}, broken("", err)
	}
	defer z.Close()
	found := map[string]Entry{}
	var order []string
	var index, sig []byte
	t := tar.NewReader(z)
	last := ""
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Summary{}, broken(last, err)
		}
		last = h.Name
		if _, twice := found[h.Name]; twice {
			return Summary{}, fmt.Errorf("%s is in it twice", h.Name)
		}
		e := Entry{Path: h.Name, Size: h.Size, Mode: uint32(h.Mode)}
		if h.Typeflag != tar.TypeReg {
			return Summary{}, fmt.Errorf("%s is no plain file", h.Name)
		}
		switch h.Name {
		case indexName, sigName:
			text, err := io.ReadAll(io.LimitReader(t, maxInMemory))
			if err != nil {
				return Summary{}, broken(last, err)
			}
			if h.Name == indexName {
				index = text
			} else {
				sig = text
			}
			found[h.Name] = e
			continue
		case secretsName:
		default:
			rest, ok := strings.CutPrefix(h.Name, filesPrefix)
			if err := validPath(rest); !ok || err != nil {
				return Summary{}, fmt.Errorf("%q does not belong into such an archive", h.Name)
			}
		}
		content := newHasher(t)
		if err := keep(e, content); err != nil {
			if content.err == nil {
				return Summary{}, err // it could be read, but not kept
			}
			return Summary{}, broken(last, content.err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return Summary{}, broken(last, err)
		}
		e.SHA256 = content.sum()
		found[h.Name], order = e, append(order, h.Name)
	}
	// What follows the end of a tar is padding; reading it shows whether the compressed
	// stream is whole, its checksum included.
	rest, err := io.ReadAll(io.LimitReader(z, 1<<20))
	if err != nil {
		return Summary{}, broken(last, err)
	}
	if len(bytes.Trim(rest, "\x00")) > 0 || len(rest) == 1<<20 {
		return Summary{}, errors.New("something was appended to it")
	}
	return judge(index, sig, found, order, trusted)
}

// judge compares what was found with what was signed.
func judge(index, sig []byte, found map[string]Entry, order []string, trusted []PublicKey) (Summary, error) {
	if index == nil || sig == nil {
		return Summary{}, fmt.Errorf("it has no %s or no %s, which come last: it was cut off, or is another archive", indexName, sigName)
	}
	signer, err := checkSignature(index, sig, trusted)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{Signer: signer, Trusted: len(trusted) > 0}
	if err := json.Unmarshal(index, &s.Index); err != nil {
		return Summary{}, fmt.Errorf("%s is not readable: %w", indexName, err)
	}
	if s.Index.Format > format {
		return Summary{}, fmt.Errorf("it was written by a newer Drydock (format %d, this one knows %d): use that one", s.Index.Format, format)
	}
	var errs []error
	known := map[string]bool{}
	for _, want := range s.Index.Entries {
		known[want.Path] = true
		got, ok := found[want.Path]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s is missing", want.Path))
		case got.Size != want.Size || got.SHA256 != want.SHA256:
			errs = append(errs, fmt.Errorf("%s was changed: it is not what the index says", want.Path))
		case got.Mode != want.Mode:
			errs = append(errs, fmt.Errorf("%s was changed: it has mode %o, the index says %o", want.Path, got.Mode, want.Mode))
		}
	}
	for _, name := range order {
		if !known[name] {
			errs = append(errs, fmt.Errorf("%s was added: the index does not know it", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Summary{}, err
	}
	return s, nil
}

// broken says how far reading came, and what the failure means.
func broken(last string, err error) error {
	where := "at its beginning"
	if last != "" {
		where = "at or after " + last
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it was cut off, %s: %w", where, err)
	case errors.Is(err, zstd.ErrMagicMismatch) && last == "":
		return fmt.Errorf("it is no such archive, or its beginning was changed: %w", err)
	}
	return fmt.Errorf("it cannot be read, %s: it was changed, or the disk is failing: %w", where, err)
}

// hasher hashes what is read through it.
type hasher struct {
	r   io.Reader
	h   hash.Hash
	err error // what reading failed with; nil at the end
}

func newHasher(r io.Reader) *hasher { return &hasher{r: r, h: sha256.New()} }

func (h *hasher) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.h.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		h.err = err
	}
	return n, err
}

func (h *hasher) sum() string { return hex.EncodeToString(h.h.Sum(nil)) }

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
