package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"drydock/internal/run"
)

// Doctor prints a line for each prerequisite to Stdout: ok, missing or broken, what
// was found, and the fix. With Format "json" it prints one object. It only looks.
// The error (exit code run.CodeMissing) names what is needed and does not do.
func Doctor(ctx context.Context, o Options) error {
	f, err := Gather(ctx, o)
	if err != nil {
		return fmt.Errorf("looking at this machine: %w", err)
	}
	checks := Inspect(f, o)
	bad := blocking(checks)
	if o.Format == "json" {
		err = writeJSON(o.Stdout, f, checks)
	} else {
		err = writeText(o.Stdout, checks)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if len(bad) == 0 {
		return nil
	}
	names := make([]string, 0, len(bad))
	for _, c := range bad {
		names = append(names, c.Name+" ("+string(c.Status)+")")
	}
	return run.WithCode(run.CodeMissing, errors.New("this machine is not ready: "+strings.Join(names, ", ")))
}

// writeText aligns status and name, and leaves the rest of the line to the words.
func writeText(w io.Writer, checks []Check) error {
	width := 0
	for _, c := range checks {
		width = max(width, len(c.Name))
	}
	for _, c := range checks {
		line := fmt.Sprintf("%-8s %-*s  %s", c.Status, width, c.Name, c.Found)
		if c.Status != OK {
			if c.Optional {
				line += " (optional)"
			}
			if c.Fix != "" {
				line += "; fix: " + c.Fix
			}
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, f Facts, checks []Check) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Ready  bool    `json:"ready"`
		System string  `json:"system"`
		Checks []Check `json:"checks"`
	}{len(blocking(checks)) == 0, f.System.String(), checks})
}
