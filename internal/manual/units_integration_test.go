//go:build integration

package manual

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/run"
	"drydock/internal/setup"
	"drydock/internal/testkit"
)

// systemd itself reads the units: a misspelt key, a calendar that it does not know, a program
// that is not there are all errors of its own tool.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	root := testkit.Root(t)
	tool, err := setup.EnsureSystemdAnalyze(t.Context(), setup.Options{Root: root, Environ: os.Environ(), Stdout: os.Stderr, Stderr: os.Stderr})
	require.NoError(t, err)
	dir, home := t.TempDir(), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(home, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(home, "bin", "drydock"), []byte("#!/bin/sh\n"), 0o755))
	files, err := filepath.Glob(filepath.Join(root, "scripts", "systemd", "*"))
	require.NoError(t, err)
	verify := func(change func(string) string) (string, error) {
		args := []string{"verify", "--man=no"}
		for _, f := range files {
			text := change(strings.ReplaceAll(textOf(t, f), "/srv/drydock", home))
			path := filepath.Join(dir, filepath.Base(f))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			// A template is verified as one of its instances.
			args = append(args, strings.Replace(path, "@.service", "@dump.service", 1))
		}
		var said strings.Builder
		err := run.Run(t.Context(), run.Cmd{Name: tool, Args: args, Env: append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":"), Stdout: &said, Stderr: &said})
		return said.String(), err
	}
	said, err := verify(func(text string) string { return text })
	require.NoError(t, err, said)
	require.NotContains(t, said, dir, "a warning about a unit")

	said, err = verify(func(text string) string { return strings.Replace(text, "OnCalendar=", "OnCalendar=every ", 1) })
	require.True(t, err != nil || strings.Contains(said, "OnCalendar"), "a check that cannot fail checks nothing")
}
