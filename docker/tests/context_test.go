package dockertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// An image's build has the packages that its program imports: they are in the context, and are
// copied. One that was forgotten is found here, and not by whoever builds the next release.
func TestBuildsHaveThePackagesOfTheirPrograms(t *testing.T) {
	root := testkit.Root(t)
	for _, image := range []string{"backup", "gateway"} {
		dockerfile, err := os.ReadFile(filepath.Join(root, "docker", image, "Dockerfile"))
		require.NoError(t, err)
		ignore, err := os.ReadFile(filepath.Join(root, "docker", image, "Dockerfile.dockerignore"))
		require.NoError(t, err)
		var copied, kept []string
		for line := range strings.Lines(string(dockerfile)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "COPY" && f[1] == f[2] {
				copied = append(copied, f[1])
			}
		}
		for line := range strings.Lines(string(ignore)) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
				kept = append(kept, path)
			}
		}
		for _, pkg := range imports(t.Context(), t, root, image) {
			within := func(dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }
			assert.True(t, slices.ContainsFunc(copied, within), "docker/%s/Dockerfile does not copy %s", image, pkg)
			assert.True(t, slices.ContainsFunc(kept, within), "docker/%s/Dockerfile.dockerignore leaves out %s", image, pkg)
		}
	}
}

// imports are the folders of this module's packages that a program needs.
func imports(ctx context.Context, t *testing.T, root, program string) (dirs []string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "./cmd/"+program)
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	for pkg := range strings.FieldsSeq(string(out)) {
		if dir, ours := strings.CutPrefix(pkg, "drydock/"); ours {
			dirs = append(dirs, dir)
		}
	}
	require.NotEmpty(t, dirs)
	return dirs
}
