//go:build integration && long

package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// They build, as a reader would build them: an app with one dependency, which comes from the network.
func TestTheManualsDockerfilesBuild(t *testing.T) {
	e, prefix := testkit.Engine(t), testkit.Name(t, "manual")
	for name, files := range map[string]map[string]string{
		"TOOLCHAIN_GO": {
			"go.mod":  "module own\n\ngo 1.26.0\n\nrequire golang.org/x/sync v0.25.0\n",
			"go.sum":  goSum(t),
			"main.go": "package main\n\nimport \"golang.org/x/sync/errgroup\"\n\nfunc main() { _ = new(errgroup.Group).Wait() }\n",
		},
		"TOOLCHAIN_NODE": {
			"package.json":      `{"name":"own","version":"1.0.0","private":true,"dependencies":{"ms":"2.1.3"}}`,
			"package-lock.json": `{"name":"own","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{"":{"name":"own","version":"1.0.0","dependencies":{"ms":"2.1.3"}},"node_modules/ms":{"version":"2.1.3","resolved":"https://registry.npmjs.org/ms/-/ms-2.1.3.tgz","integrity":"sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="}}}`,
			"server.js":         "require('ms')\n",
			".dockerignore":     "node_modules\n",
		},
	} {
		s := productSite(t, e, prefix)
		s.settings.Backend.Context, s.settings.Backend.Dockerfile = "apps/own", "apps/own/Dockerfile"
		for file, text := range files {
			s.write("apps/own/"+file, text)
		}
		s.write("apps/own/Dockerfile", manualDockerfiles(t, "docs/en/your-own-apps.md")[name])
		require.True(t, s.builds(BuildOptions{Names: []string{Backend}, Stage: StageProd})[0].Built, name)
	}
}

// goSum is the product's own, which has more than is needed.
func goSum(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "go.sum"))
	require.NoError(t, err)
	return string(text)
}
