package check

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

func TestFaultTests(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	body := "\npackage x\n\nfunc TestOne(t *testing.T) {}\n\nfunc helper(t *testing.T) {}\n\nfunc TestTwo(t *testing.T) {}\n"
	got, err := faultTests(fstest.MapFS{
		"internal/a/faults_test.go":      file("//go:build faults\n" + body),
		"internal/b/both_test.go":        file("//go:build integration && faults\n" + body),
		"internal/c/integration_test.go": file("//go:build integration\n" + body),
		"internal/d/either_test.go":      file("//go:build integration || faults\n" + body),
		"internal/e/unit_test.go":        file(body),
		"internal/f/e2e_test.go":         file("//go:build e2e\n" + body),
		"internal/g/code.go":             file("//go:build faults\n" + body),
	})
	require.NoError(t, err)
	both := []string{"TestOne", "TestTwo"}
	assert.Equal(t, map[string][]string{"internal/a": both, "internal/b": both}, got)
	_, err = faultTests(fstest.MapFS{"internal/a/x_test.go": file("//go:build &&\n" + body)})
	assert.ErrorContains(t, err, "internal/a/x_test.go")
	ours, err := faultTests(os.DirFS(testkit.Root(t)))
	require.NoError(t, err)
	assert.NotEmpty(t, ours)
}
