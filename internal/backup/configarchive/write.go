package configarchive

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
)

// WriteOptions are the keys, and where there is room.
type WriteOptions struct {
	Key        SigningKey
	Recipients Recipients
	TempDir    string // for streams of unknown size; the system's when empty
}

// Write writes an archive and returns its index. After an error what was written is
// worthless. The error is a *NoRecipientError or a *ClearTextError where a secret would
// otherwise be lost or told.
func Write(ctx context.Context, w io.Writer, in Input, o WriteOptions) (Index, error) {
	index, err := write(ctx, w, in, o)
	if err != nil {
		return Index{}, fmt.Errorf("writing the archive of the configuration: %w", err)
	}
	return index, nil
}

// NoRecipientError is that there are secrets and nobody who could open them.
type NoRecipientError struct{ Secrets int }

func (e *NoRecipientError) Error() string {
	return fmt.Sprintf("there are %d secrets, and nobody is named who may open them, so they cannot be in the backup: make a pair of keys "+
		"(age-keygen) on another machine, keep its secret key there, and name the public one (age1...) as a recipient", e.Secrets)
}

func write(ctx context.Context, w io.Writer, in Input, o WriteOptions) (Index, error) {
	if len(o.Key.private) != ed25519.PrivateKeySize {
		return Index{}, errors.New("no key to sign it with was given")
	}
	if in.Created.IsZero() {
		return Index{}, errors.New("no time was given")
	}
	streams, secrets, err := check(in, o)
	if err != nil {
		return Index{}, err
	}
	// One block at a time gives the same bytes on every machine.
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true), zstd.WithWindowSize(window))
	if err != nil {
		return Index{}, err
	}
	a := &archiver{
		ctx: ctx, tar: tar.NewWriter(z), temp: o.TempDir,
		index: Index{
			Format: format, Created: in.Created.UTC().Truncate(time.Second), Project: in.Project, Env: in.Env, Host: in.Host,
			Images: in.Images, Secrets: len(secrets), Entries: []Entry{},
		},
	}
	err = a.all(streams, secrets, o)
	if err != nil {
		_ = z.Close() // it ends a goroutine; the archive is worthless already
		return Index{}, err
	}
	return a.index, errors.Join(a.tar.Close(), z.Close())
}

// check sorts the input and refuses what must not be written.
func check(in Input, o WriteOptions) (streams []Stream, secrets []File, err error) {
	var paths, secretPaths []string
	for _, f := range in.Files {
		paths = append(paths, f.Path)
		streams = append(streams, Stream{Path: f.Path, Mode: f.Mode, Size: int64(len(f.Data)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(f.Data)), nil
		}})
	}
	for _, s := range in.Streams {
		paths = append(paths, s.Path)
	}
	for _, s := range in.Secrets {
		secretPaths = append(secretPaths, s.Path)
	}
	if err := errors.Join(validPaths(paths), validPaths(secretPaths)); err != nil {
		return nil, nil, err
	}
	if len(in.Secrets) > 0 && o.Recipients.None() {
		return nil, nil, &NoRecipientError{len(in.Secrets)}
	}
	if err := findClearText(in); err != nil {
		return nil, nil, err
	}
	streams = append(streams, in.Streams...)
	slices.SortFunc(streams, func(a, b Stream) int { return cmp.Compare(a.Path, b.Path) })
	secrets = slices.Clone(in.Secrets)
	slices.SortFunc(secrets, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	for i := range streams {
		if streams[i].Mode == 0 {
			streams[i].Mode = 0o644
		}
	}
	for i := range secrets {
		if secrets[i].Mode == 0 {
			secrets[i].Mode = 0o600
		}
	}
	return streams, secrets, nil
}

type archiver struct {
	ctx   context.Context
	tar   *tar.Writer
	temp  string
	index Index
}

func (a *archiver) all(streams []Stream, secrets []File, o WriteOptions) error {
	for _, s := range streams {
		if err := a.stream(s); err != nil {
			return fmt.Errorf("%s: %w", s.Path, err)
		}
	}
	if len(secrets) > 0 {
		sealed, err := seal(secrets, a.index.Created, o.Recipients)
		if err != nil {
			return fmt.Errorf("encrypting the secrets: %w", err)
		}
		a.index.Recipients = o.Recipients.Names()
		if err := a.add(secretsName, 0o600, int64(len(sealed)), bytes.NewReader(sealed)); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(a.index, "", "  ")
	if err != nil {
		return err
	}
	signature, err := o.Key.sign(text)
	if err != nil {
		return err
	}
	for _, f := range []File{{indexName, 0o644, text}, {sigName, 0o644, signature}} {
		if err := a.raw(f.Path, int64(f.Mode), int64(len(f.Data)), bytes.NewReader(f.Data)); err != nil {
			return err
		}
	}
	return nil
}

// stream adds one file. A tar needs the size before the content.
func (a *archiver) stream(s Stream) (err error) {
	r, err := s.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if s.Size >= 0 {
		return a.add(filesPrefix+s.Path, int64(s.Mode.Perm()), s.Size, r)
	}
	spool, err := os.CreateTemp(a.temp, "drydock-spool-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	if err := os.Remove(spool.Name()); err != nil { // it lives as long as it is open, whatever ends this process
		return err
	}
	size, err := io.Copy(spool, ctxReader{a.ctx, r})
	if err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return a.add(filesPrefix+s.Path, int64(s.Mode.Perm()), size, spool)
}

// add writes a file and enters it into the index.
func (a *archiver) add(name string, mode, size int64, r io.Reader) error {
	h := newHasher(r)
	if err := a.raw(name, mode, size, h); err != nil {
		return err
	}
	// One byte more than was said is as wrong as one less.
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return fmt.Errorf("it is longer than the %d bytes that were announced", size)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	a.index.Entries = append(a.index.Entries, Entry{Path: name, Size: size, SHA256: h.sum(), Mode: uint32(mode)})
	return nil
}

func (a *archiver) raw(name string, mode, size int64, r io.Reader) error {
	err := a.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size, ModTime: a.index.Created, Format: tar.FormatPAX,
	})
	if err != nil {
		return err
	}
	n, err := io.CopyN(a.tar, ctxReader{a.ctx, r}, size)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("it ended after %d of %d bytes", n, size)
	}
	return err
}

// seal packs the secrets into one encrypted piece, which shows neither their names nor
// their sizes.
func seal(secrets []File, created time.Time, to Recipients) ([]byte, error) {
	var plain bytes.Buffer
	t := tar.NewWriter(&plain)
	for _, s := range secrets {
		err := t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: s.Path, Mode: int64(s.Mode.Perm()), Size: int64(len(s.Data)), ModTime: created, Format: tar.FormatPAX,
		})
		if err != nil {
			return nil, err
		}
		if _, err := t.Write(s.Data); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	return to.encrypt(plain.Bytes())
}
