package report

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"drydock/internal/aside"
)

// Make gathers the report and writes the page to .drydock/report/<env>.html, whole or not at
// all; with FORMAT=json the data goes to the stack's Out instead.
func (g Gatherer) Make(ctx context.Context) error {
	r, err := g.Gather(ctx)
	if err != nil {
		return err
	}
	s := g.Stack.Settings
	if s.Options.Format == "json" {
		return r.Write(g.Stack.Out, "json")
	}
	path := s.Path(filepath.Join(".drydock", "report", s.Env+".html"))
	// It names hosts, versions and times: for the one who made it alone.
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := aside.Write(path, 0o600, func(w io.Writer) error { return r.Page(w) }); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	_, err = fmt.Fprintln(g.Stack.Out, path)
	return err
}
