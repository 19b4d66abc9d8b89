package report

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"drydock/internal/aside"
)

// Make gathers the report and writes the page to .drydock/report/<env>.html, whole or not at
// all, and gives it to the gateway; with FORMAT=json the data goes to the stack's Out instead.
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
	var page bytes.Buffer
	if err := r.Page(&page); err != nil {
		return err
	}
	if err := aside.Write(path, 0o600, func(w io.Writer) error { _, err := w.Write(page.Bytes()); return err }); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	served, err := g.publish(ctx, page.Bytes())
	if err != nil {
		return fmt.Errorf("the report is in %s, but the gateway does not have it: %w", path, err)
	}
	text := path + "\n"
	if served {
		text += strings.TrimSuffix(r.URL, "/") + Path + "\n"
	}
	_, err = io.WriteString(g.Stack.Out, text)
	return err
}
