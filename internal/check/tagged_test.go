package check

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

func TestTaggedTests(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	body := "\npackage x\n\nfunc TestOne(t *testing.T) {}\n\nfunc helper(t *testing.T) {}\n\nfunc TestTwo(t *testing.T) {}\n"
	got, err := taggedTests(fstest.MapFS{
		"internal/a/faults_test.go":      file("//go:build faults\n" + body),
		"internal/b/both_test.go":        file("//go:build integration && faults\n" + body),
		"internal/c/integration_test.go": file("//go:build integration\n" + body),
		"internal/d/either_test.go":      file("//go:build integration || faults\n" + body),
		"internal/e/unit_test.go":        file(body),
		"internal/f/e2e_test.go":         file("//go:build e2e\n" + body),
		"internal/g/code.go":             file("//go:build faults\n" + body),
		"internal/h/long_test.go":        file("//go:build integration && long\n" + body),
		"apps/backend/faults_test.go":    file("//go:build integration && faults\n" + body), // another module's
		"docker/tests/faults_test.go":    file("//go:build integration && faults\n" + body),
	}, tagFaults)
	require.NoError(t, err)
	both := []string{"TestOne", "TestTwo"}
	assert.Equal(t, map[string][]string{"internal/a": both, "internal/b": both, "docker/tests": both}, got)
	_, err = taggedTests(fstest.MapFS{"internal/a/x_test.go": file("//go:build &&\n" + body)}, tagLong)
	assert.ErrorContains(t, err, "internal/a/x_test.go")
	for _, tag := range []string{tagFaults, tagLong} {
		ours, err := taggedTests(os.DirFS(testkit.Root(t)), tag)
		require.NoError(t, err)
		assert.NotEmpty(t, ours, tag)
	}
}
