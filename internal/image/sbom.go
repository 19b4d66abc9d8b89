package image

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"
)

// SBOMKind is the format of a bill of materials.
type SBOMKind string

// The two formats, both as JSON.
const (
	CycloneDX SBOMKind = "cyclonedx" // version 1.6
	SPDX      SBOMKind = "spdx"      // version 2.3
)

// ParseSBOMKind reads a FORMAT. Empty, text and json mean CycloneDX, which is
// what most scanners read best.
func ParseSBOMKind(format string) (SBOMKind, error) {
	switch strings.ToLower(format) {
	case "", "text", "json", string(CycloneDX):
		return CycloneDX, nil
	case string(SPDX):
		return SPDX, nil
	}
	return "", fmt.Errorf("FORMAT is %q: a bill of materials is written as cyclonedx or spdx", format)
}

// SBOMOptions says what to write.
type SBOMOptions struct {
	Kind SBOMKind
	// NpmLock is the package-lock.json that the image was built from, for an image
	// that holds only what a bundler made of it. Give it only when the image's
	// input hash is still that of the sources. What the image itself holds wins.
	NpmLock []byte
}

// WriteSBOM lists what an image is made of: Debian packages, the Go modules in
// every Go binary, npm packages. Everything is read from the image. The same
// image gives the same bytes: times and identifiers derive from the image.
func WriteSBOM(ctx context.Context, from Saver, ref string, opts SBOMOptions, w io.Writer) error {
	archive, err := save(ctx, from, ref)
	if err != nil {
		return err
	}
	defer archive.Close()
	bill, err := takeStock(ctx, &archive.content, ref, opts.NpmLock)
	if err != nil {
		return fmt.Errorf("listing what %s is made of: %w", ref, err)
	}
	switch opts.Kind {
	case SPDX:
		err = bill.writeSPDX(w)
	case CycloneDX:
		err = bill.writeCycloneDX(w)
	default:
		err = fmt.Errorf("no such format: %q", opts.Kind)
	}
	if err != nil {
		return fmt.Errorf("writing the bill of materials of %s: %w", ref, err)
	}
	return nil
}

// bill is a bill of materials before it takes a format.
type bill struct {
	ID      string // of the image
	Name    string
	Version string
	Created time.Time
	Parts   []part // sorted by package URL, each once
}

// part is one package of an image.
type part struct {
	Kind     partKind
	Name     string
	Version  string // may be empty: a Go main module built outside of git
	PURL     string
	License  string   // as the package declares it; "" when it doesn't
	Supplier string   // "Name <address>"; "" when unknown
	Paths    []string // where in the image it was found, sorted
	Dev      bool     // needed to build, not contained
}

type partKind string

const (
	debPart partKind = "deb"
	goMain  partKind = "go-main"
	goPart  partKind = "golang"
	npmPart partKind = "npm"
)

// uuid derives a UUID (version 8 of RFC 9562, 5.8: its bits are ours to choose)
// from the image's id, so that the document is reproducible and still unique.
func (b *bill) uuid(purpose string) string {
	sum := sha256.Sum256([]byte(purpose + "\n" + b.ID))
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
