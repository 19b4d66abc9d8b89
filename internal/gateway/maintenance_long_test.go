//go:build integration && long

package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

func TestMaintenance(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--volume", testkit.Volume(t).Name+":/var/lib/gateway")
	s.both()
	s.app("backend-green", "next backend")
	s.members("backend-green", 1)
	generation := s.state().Generation
	open, err := s.websocket("/api/socket")
	require.NoError(t, err)

	assert.Equal(t, "off", s.run("maintenance", "status"))
	assert.Equal(t, "on", s.run("maintenance", "on", "moving", "house"))
	closed := func() {
		t.Helper()
		page := s.do("GET", "/deep/link", nil, "")
		assert.Equal(t, 503, page.status)
		assert.Contains(t, page.header.Get("Content-Type"), "text/html")
		assert.Contains(t, page.body, "Down for maintenance")
		assert.Equal(t, []string{"60"}, page.header.Values("Retry-After"))
		assert.Equal(t, []string{"no-store"}, page.header.Values("Cache-Control"))
		assertSecure(t, "maintenance page", page)

		api := s.do("POST", "/api/x", nil, "body")
		assert.Equal(t, 503, api.status)
		assert.Equal(t, "application/json", api.header.Get("Content-Type"))
		code, message, id := api.failure()
		assert.Equal(t, "unavailable", code)
		assert.Contains(t, message, "maintenance")
		assert.Equal(t, api.header.Get("X-Request-ID"), id)
		assert.Equal(t, []string{"60"}, api.header.Values("Retry-After"))
		assertSecure(t, "maintenance error", api)

		assert.Equal(t, 503, s.do("GET", "/assets/x.js", nil, "").status)
		assert.Equal(t, 503, s.do("GET", "/api/stream", map[string]string{"Accept": "text/event-stream"}, "").status)
		for _, path := range []string{"/api/socket", "/hmr"} {
			_, err := s.websocket(path)
			assert.ErrorContains(t, err, "503", path)
		}
		assert.Equal(t, 200, s.do("GET", "/healthz", nil, "").status)
		assert.Equal(t, "healthy", s.run("healthy"))
	}
	closed()
	require.NoError(t, open("streams of before go on"))
	assert.Equal(t, generation, s.state().Generation, "no reload")
	assert.True(t, s.state().Maintenance)
	s.until("the next release can be tried meanwhile", func() bool { // nginx asks for its members once a second
		preview, err := s.preview("/api/x")
		return err == nil && preview.echo().ID == "next backend"
	})

	docker(t, "restart", s.gateway)
	s.found()
	closed()

	assert.Equal(t, "off", s.run("maintenance", "off"))
	s.until("it serves again", func() bool { return s.identity("/api/x") == "backend" && s.identity("/") == "frontend" })
}
