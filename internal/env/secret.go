package env

import (
	"fmt"
	"io"
	"log/slog"
)

// mask stands for every secret, whatever its length.
const mask = "****"

// Secret is a value that no log, error, table or JSON document may show. All
// the ways in which Go prints a value give the mask; [Secret.Reveal] is the only
// way to the content, so that its uses can be found by name.
//
// Two ways round it remain, for fmt calls no method there. Keep a Secret out of
// unexported fields of what is printed. The verbs %p and %w are wrong for a
// string in any case, and go vet says so.
type Secret string

// Reveal returns the content.
func (s Secret) Reveal() string { return string(s) }

// String returns the mask.
func (Secret) String() string { return mask }

// GoString returns the mask, for %#v.
func (Secret) GoString() string { return mask }

// Format writes the mask whatever the verb: without it %x and %q show the content.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalJSON returns the mask as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalText returns the mask; YAML and TOML encoders use it.
func (Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns the mask, for log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(mask) }
