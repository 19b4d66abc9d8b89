//go:build integration && long

package gateway_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// What was edited goes live without a restart; what is wrong never does.
func TestReloadPutsTheCheckoutLive(t *testing.T) {
	t.Parallel()
	project := testkit.Project(t, "op")
	o := newOperator(t, project)
	s := newSite(t, "--label", "com.docker.compose.project="+project, "--label", "com.docker.compose.service=gateway", "--env", "APP_ENV=dev")
	s.both()
	policy := func() string { return s.do("GET", "/", nil, "").header.Get("Referrer-Policy") }
	require.Equal(t, "strict-origin-when-cross-origin", policy())

	o.edit("conf.d/headers.conf", `strict-origin-when-cross-origin;`, `no-referrer;`)
	require.NoError(t, o.Reload(t.Context()))
	assert.Contains(t, o.out.String(), "serves")
	assert.Equal(t, "no-referrer", policy())
	was := s.state().Generation

	o.edit("conf.d/headers.conf", `no-referrer;`, `same-origin; }`)
	err := o.Reload(t.Context())
	require.Error(t, err)
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	assert.ErrorContains(t, err, "nginx/conf.d/headers.conf:")
	assert.Equal(t, "no-referrer", policy())
	assert.Equal(t, was, s.state().Generation)

	require.NoError(t, o.Maintenance(t.Context(), true))
	assert.Equal(t, 503, s.do("GET", "/", nil, "").status)
	require.NoError(t, o.Maintenance(t.Context(), false))
	assert.Equal(t, 200, s.do("GET", "/", nil, "").status)

	docker(t, "stop", "--time", "5", s.gateway)
	require.ErrorIs(t, o.Reload(t.Context()), gateway.ErrNotRunning)
}

// A port that no service listens on, as after a typing mistake: only the two files
// together show it.
func TestLintSeesTheStack(t *testing.T) {
	t.Parallel()
	o := newOperator(t, testkit.Project(t, "op"))
	path := filepath.Join(o.root, "compose", "gateway.yaml")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(content), ":8080\"]", ":8088\"]", 1)), 0o644))
	require.Error(t, o.Lint(t.Context()))
	assert.Contains(t, o.out.String(), "8088")
}
