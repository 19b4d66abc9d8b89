package manifest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// MaxBytes bounds what Parse reads: a manifest of some 100,000 tables is smaller.
const MaxBytes = 1 << 30

// ErrDamaged is matched by every error that says that a document is not what was written.
var ErrDamaged = errors.New("the manifest is damaged or was edited")

// Seal sorts the lists, computes the digest and has it signed. A nil signer leaves the
// document unsigned.
func (m *Manifest) Seal(signer Signer) error {
	m.Normalise()
	m.Signature = nil
	digest, err := m.digest()
	if err != nil {
		return err
	}
	m.Digest = digest
	if signer == nil {
		return nil
	}
	m.Signature, err = signer.Sign([]byte(digest))
	if err != nil {
		return fmt.Errorf("signing the manifest: %w", err)
	}
	return nil
}

// Encode returns the canonical form of a sealed document.
func (m *Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("encoding the manifest: %w", err)
	}
	return b.Bytes(), nil
}

func (m *Manifest) digest() (string, error) {
	bare := *m
	bare.Digest, bare.Signature = "", nil
	text, err := bare.Encode()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// Parse reads a document that Encode wrote and checks its digest, but not the signature:
// see CheckSignature. Errors match ErrDamaged, except for a document of a newer format.
func Parse(text []byte) (*Manifest, error) {
	var head struct {
		Format *int   `json:"format"`
		Kind   string `json:"kind"`
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("reading the manifest: it is empty: %w", ErrDamaged)
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("reading the manifest: %s: %w", place(text, err), ErrDamaged)
	}
	switch {
	case head.Format == nil:
		return nil, fmt.Errorf("reading the manifest: it names no format: %w", ErrDamaged)
	case *head.Format > Format:
		return nil, fmt.Errorf("reading the manifest: its format is %d and this program reads up to %d; use the version of Drydock that made the backup, or a newer one", *head.Format, Format)
	case *head.Format < 1 || head.Kind != KindLogical:
		return nil, fmt.Errorf("reading the manifest: format %d of kind %q is not one of a logical backup: %w", *head.Format, head.Kind, ErrDamaged)
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("reading the manifest: %s: %w", place(text, err), ErrDamaged)
	}
	if err := m.check(text); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w: %w", err, ErrDamaged)
	}
	return m, nil
}

func (m *Manifest) check(text []byte) error {
	digest, err := m.digest()
	if err != nil {
		return err
	}
	if digest != m.Digest {
		return fmt.Errorf("it says that its digest is %q, and that of its content is %q", m.Digest, digest)
	}
	again, err := m.Encode()
	if err != nil {
		return err
	}
	if !bytes.Equal(text, again) {
		return fmt.Errorf("it is not in canonical form, line %d", differentLine(text, again))
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		if !goodPath(f.Path) || seen[f.Path] {
			return fmt.Errorf("the path %q of a file is not allowed or there twice", f.Path)
		}
		seen[f.Path] = true
	}
	return nil
}

// goodPath accepts clean relative paths only: a manifest must not lead out of its folder.
func goodPath(p string) bool {
	if p == "" || strings.ContainsAny(p, "\\\x00") {
		return false
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return p != FileName
}

// place adds the line to what the decoder says.
func place(text []byte, err error) string {
	var offset int64
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	default:
		return err.Error()
	}
	line := 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n"))
	return fmt.Sprintf("line %d: %v", line, err)
}

func differentLine(a, b []byte) int {
	line := 1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		if a[i] == '\n' {
			line++
		}
	}
	return line
}

// Normalise sorts every list, makes empty ones of nil ones, and cuts times to
// microseconds of UTC. What is equal is then encoded equally.
func (m *Manifest) Normalise() {
	for _, t := range []*time.Time{&m.Started, &m.Finished, &m.SnapshotAt} {
		*t = t.UTC().Truncate(time.Microsecond)
	}
	sortBy(&m.Server.Settings, func(s Setting) string { return s.Name })
	sortBy(&m.Tools, func(t Tool) string { return t.Name })
	sortBy(&m.Files, func(f File) string { return f.Path })
	if m.Warnings == nil {
		m.Warnings = []string{}
	}
	m.Contents.Normalise()
}

// Normalise sorts every list and makes empty ones of nil ones.
func (c *Contents) Normalise() {
	sortBy(&c.Database.ACL, func(s string) string { return s })
	sortBy(&c.Database.Settings, func(s DBSetting) string { return s.Role + "\x00" + s.Name })
	sortBy(&c.Tables, func(t Table) string { return t.Schema + "\x00" + t.Name })
	sortBy(&c.Sequences, func(s Sequence) string { return s.Schema + "\x00" + s.Name })
	sortBy(&c.MatViews, func(v MatView) string { return v.Schema + "\x00" + v.Name })
	sortBy(&c.LargeObjects.Owners, func(o Count) string { return o.Name })
	sortBy(&c.Extensions, func(e Extension) string { return e.Name })
	sortBy(&c.Objects, func(o Object) string { return o.Kind + "\x00" + o.Name })
	sortBy(&c.Roles, func(r Role) string { return r.Name })
	sortBy(&c.Tablespaces, func(t Tablespace) string { return t.Name })
	for i := range c.Objects {
		slices.Sort(c.Objects[i].ACL)
	}
	for i := range c.Roles {
		r := &c.Roles[i]
		slices.SortFunc(r.Settings, func(a, b Setting) int { return cmp.Compare(a.Name, b.Name) })
		slices.SortFunc(r.MemberOf, func(a, b Membership) int { return cmp.Compare(a.Role, b.Role) })
	}
}

func sortBy[T any](list *[]T, key func(T) string) {
	if *list == nil {
		*list = []T{}
	}
	slices.SortStableFunc(*list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}

// Equal says whether two documents have the same content.
func Equal(a, b *Manifest) bool { return reflect.DeepEqual(a, b) }
