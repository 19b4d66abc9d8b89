package lint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/lint"
)

// Configurations as good teams write them. A linter that complains about these is
// switched off within a week.
func TestGoodConfigurationsHaveNoFindings(t *testing.T) {
	dirs, err := os.ReadDir(filepath.Join("testdata", "good"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(dirs), 3)
	for _, d := range dirs {
		t.Run(d.Name(), func(t *testing.T) {
			for _, version := range []string{"", "1.30.6"} {
				found, err := lint.Run(lint.Input{Root: filepath.Join("testdata", "good", d.Name()), Version: version})
				require.NoError(t, err)
				for _, f := range found {
					t.Errorf("%s", f)
				}
			}
		})
	}
}

// The same with what surrounds it.
func TestGoodConfigurationFitsItsStack(t *testing.T) {
	stack := &lint.Stack{
		Gateway: "gateway",
		Backend: lint.Backend{BodyLimit: 10 << 20, Timeout: 30e9, HealthPath: "/healthz"},
		Services: []lint.Service{
			{Name: "gateway", Networks: []string{"edge", "app"}, Published: []lint.Published{{Container: 8080, Host: 80}},
				ReadOnly: true, Writable: []string{"/tmp"}},
			{Name: "backend", Networks: []string{"app"}, Ports: []int{9000}},
			{Name: "canary", Aliases: []string{"backend-beta"}, Networks: []string{"app"}, Ports: []int{9000}},
		},
	}
	found, err := lint.Run(lint.Input{Root: "testdata/good/spa", Version: "1.30.6", Stack: stack})
	require.NoError(t, err)
	for _, f := range found {
		t.Errorf("%s", f)
	}
}
