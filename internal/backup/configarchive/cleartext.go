package configarchive

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"drydock/internal/run"
)

// ClearTextError is a secret that stands in a file that is not encrypted.
type ClearTextError struct{ File, Secret string }

func (e *ClearTextError) Error() string {
	return fmt.Sprintf("%s contains the value of the secret %s in clear text: take it out there, or give the file as a secret", e.File, e.Secret)
}

// shortest is the length from which a value is looked for. A shorter one stands in many
// places by chance, and protects nothing.
const shortest = 6

// findClearText looks for the value of each secret in everything that will be readable,
// also in the forms in which programs repeat one (percent-encoded, base64, in JSON).
func findClearText(in Input) error {
	values := map[string][]string{}
	for _, s := range in.Secrets {
		values[s.Path] = telling(string(s.Data))
	}
	about, err := json.Marshal([]any{in.Project, in.Env, in.Host, in.Images})
	if err != nil {
		return err
	}
	readable := append([]File{{Path: "the index", Data: about}}, in.Files...)
	for _, f := range readable[1:] {
		readable[0].Data = append(readable[0].Data, "\n"+f.Path...)
	}
	var errs []error
	for _, f := range readable {
		for _, s := range in.Secrets {
			if text := string(f.Data); len(values[s.Path]) > 0 && run.Redact(text, values[s.Path]...) != text {
				errs = append(errs, &ClearTextError{File: f.Path, Secret: s.Path})
			}
		}
	}
	return errors.Join(errs...)
}

// telling are the parts of a secret that give it away: its lines, and what stands behind
// a `=` in them. The lines that begin and end a PEM block are the same in every one.
func telling(secret string) []string {
	var values []string
	add := func(v string) {
		if v = strings.Trim(strings.TrimSpace(v), `"'`); len(v) >= shortest && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	for line := range strings.Lines(secret) {
		if strings.HasPrefix(line, "-----") || strings.HasPrefix(line, "#") {
			continue
		}
		add(line)
		if _, v, ok := strings.Cut(line, "="); ok {
			add(v)
		}
	}
	return values
}
