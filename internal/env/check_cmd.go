package env

import (
	"encoding/json"
	"fmt"
	"io"
)

// checkResult is the JSON form of [Check].
type checkResult struct {
	Env      string    `json:"env"`
	OK       bool      `json:"ok"`
	Settings int       `json:"settings"`
	Problems []Problem `json:"problems"`
	Warnings []Problem `json:"warnings"` // what is likely a mistake, and stops nothing
}

// Check writes `ok, N settings` or returns the [Problems], having written
// nothing but warnings. With FORMAT=json it writes one document in both cases. It makes no secrets.
func Check(w io.Writer, src Source) error {
	src.ReadOnly = true
	r := resolve(src)
	err := r.problems.err()
	warnings := nearMisses(src.process())
	n := 0
	for _, v := range r.settings.values.byKey {
		if !v.Option {
			n++
		}
	}
	if r.settings.Options.Format == "json" {
		list := r.problems.List
		if list == nil {
			list = []Problem{}
		}
		if warnings == nil {
			warnings = []Problem{}
		}
		if writeErr := writeJSON(w, checkResult{r.env, err == nil, n, list, warnings}); writeErr != nil {
			return writeErr
		}
		return err
	}
	for _, one := range warnings {
		if _, writeErr := fmt.Fprintf(w, "warning: %s\n", one); writeErr != nil {
			return writeErr
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "ok, %d settings (environment %s, mode %s)\n", n, r.env, r.settings.Mode)
	return err
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
