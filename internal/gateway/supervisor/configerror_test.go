package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConfigError(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "conf.d"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conf.d", "a.conf"), []byte("one;\ntwo;\nthree;\nfour;\nfive;\n"), 0o600))
	for said, want := range map[string]ConfigError{
		"2026/01/02 03:04:05 [emerg] 7#7: unknown directive \"three\" in " + dir + "/conf.d/a.conf:3\n" +
			"nginx: configuration file " + dir + "/nginx.conf test failed\n": {
			Message: `unknown directive "three" in conf.d/a.conf:3`, File: "conf.d/a.conf", Line: 3,
			Context: "     1 | one;\n     2 | two;\n>    3 | three;\n     4 | four;\n     5 | five;",
		},
		"nginx: [warn] the user directive in " + dir + "/conf.d/a.conf:1\n" +
			"nginx: [emerg] directive is not terminated in " + dir + "/conf.d/a.conf:5\n": {
			Message: `directive is not terminated in conf.d/a.conf:5`, File: "conf.d/a.conf", Line: 5,
			Context: "     3 | three;\n     4 | four;\n>    5 | five;",
		},
		"nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)\n": {
			Message: "bind() to 0.0.0.0:80 failed (13: Permission denied)",
		},
		"nginx: [emerg] open() \"" + dir + "/missing.conf\" failed (2: No such file or directory) in " + dir + "/nginx.conf:9\n": {
			Message: `open() "missing.conf" failed (2: No such file or directory) in nginx.conf:9`, File: "nginx.conf", Line: 9,
		},
		"Segmentation fault\n": {Message: "Segmentation fault"},
		"":                     {Message: "it does not say why"},
	} {
		assert.Equal(t, want, *newConfigError(dir, said), said)
	}
}
