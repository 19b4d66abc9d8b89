package env

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files and the generated texts anew")

// checkout makes a scratch checkout with two environments and the sources of
// both apps, and puts the given files on top.
func checkout(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{
		"go.mod":                     "module drydock\n",
		"env/dev.env":                "PROJECT=drydock-dev\n",
		"env/prod.env":               "PROJECT=drydock\nHTTP_BIND=0.0.0.0\nHTTP_PORT=80\n",
		"apps/backend/go.mod":        "module drydock/backend\n",
		"apps/frontend/package.json": "{}\n",
		"docker/backend/Dockerfile":  "FROM scratch\n",
		"docker/frontend/Dockerfile": "FROM scratch\n",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		write(t, root, name, text)
	}
	return root
}

func write(t testing.TB, root, name, text string) {
	t.Helper()
	full := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
	mode := os.FileMode(0o644)
	if filepath.Dir(filepath.Dir(name)) == ".secrets" {
		mode = 0o600
	}
	require.NoError(t, os.WriteFile(full, []byte(text), mode))
}

// bareHost is a host that says nothing.
var bareHost = fstest.MapFS{}

// source is a checkout on a bare host with a process environment.
func source(root, env string, environ ...string) Source {
	return Source{Root: root, Env: env, Environ: environ, Host: bareHost}
}

// golden compares with a file below testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "write it with -update")
	require.Equal(t, string(want), got)
}
