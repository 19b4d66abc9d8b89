package run

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Mask replaces every secret.
const Mask = "****"

// Redactor passes on what is written to it with every secret replaced by Mask,
// also when a secret arrives in several writes. What might be the beginning of a
// secret is held back until it is known not to be one; Close passes it on.
// It is safe for concurrent use.
type Redactor struct {
	mu      sync.Mutex
	w       io.Writer
	secrets []string // longest first
	held    []byte
}

// NewRedactor wraps w. Besides each secret itself it masks the forms in which
// programs repeat one: percent-encoded, JSON-escaped, base64, and the single lines
// of a secret of several lines. Close does not close w.
func NewRedactor(w io.Writer, secrets ...string) *Redactor {
	return &Redactor{w: w, secrets: forms(secrets)}
}

// Redact returns s with the secrets masked, in all forms that a Redactor knows.
func Redact(s string, secrets ...string) string {
	var b strings.Builder
	r := NewRedactor(&b, secrets...)
	_, _ = io.WriteString(r, s) // a strings.Builder never fails
	_ = r.Close()
	return b.String()
}

// minLine is the length from which a single line of a longer secret is a secret:
// a brace or a blank line of a key file must not mask half of the output.
const minLine = 8

func forms(secrets []string) []string {
	var all []string
	for _, s := range secrets {
		if s == "" {
			continue
		}
		quoted, _ := json.Marshal(s) // a string always marshals
		all = append(all, s,
			url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:],
			string(quoted[1:len(quoted)-1]),
			base64.StdEncoding.EncodeToString([]byte(s)),
			base64.URLEncoding.EncodeToString([]byte(s)))
		if trimmed := strings.TrimSpace(s); trimmed != "" {
			all = append(all, trimmed)
		}
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); len(line) >= minLine {
				all = append(all, line)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(all)
}

// Write masks and passes on; it reports the whole of p as written unless w fails.
func (r *Redactor) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.secrets) == 0 {
		return r.w.Write(p)
	}
	r.held = append(r.held, p...)
	out, rest := r.mask(r.held, false)
	r.held = append(r.held[:0], rest...)
	if len(out) > 0 {
		if _, err := r.w.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close passes on what was held back.
func (r *Redactor) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, _ := r.mask(r.held, true)
	r.held = nil
	if len(out) == 0 {
		return nil
	}
	_, err := r.w.Write(out)
	return err
}

// mask returns the part of b that is decided, masked, and the undecided rest.
// At each position the longest secret wins, so a secret that is the beginning of
// another one does not leave the other's end behind.
func (r *Redactor) mask(b []byte, end bool) (out, rest []byte) {
	out = make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		n, undecided := r.match(b[i:])
		switch {
		case undecided && !end:
			return out, b[i:]
		case n > 0:
			out = append(out, Mask...)
			i += n
		default:
			out = append(out, b[i])
			i++
		}
	}
	return out, nil
}

// match returns the length of the longest secret that b begins with. It is
// undecided when b ends within a secret that would be longer.
func (r *Redactor) match(b []byte) (n int, undecided bool) {
	for _, s := range r.secrets {
		if len(b) >= len(s) {
			if string(b[:len(s)]) == s {
				return len(s), undecided
			}
		} else if s[:len(b)] == string(b) {
			undecided = true
		}
	}
	return 0, undecided
}
