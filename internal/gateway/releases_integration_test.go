//go:build integration

package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A page that was opened before a deploy asked for chunks that the new release does not
// have (goclaw 473).
func TestOpenPagesFindTheirAssets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const old, fresh = "/assets/old-aaaa1111.js", "/assets/new-bbbb2222.js"
	blue := s.frontend("blue", map[string]string{
		old[1:]: "old()", "index.html": "<!doctype html><script src=" + old + "></script>", "index.html.gz": "", "index.html.br": ""})
	s.app("backend-blue", "blue")
	s.frontend("green", map[string]string{
		fresh[1:]: "fresh()", "index.html": "<!doctype html><script src=" + fresh + "></script>", "index.html.gz": "", "index.html.br": ""})
	s.app("backend-green", "green")
	for _, pool := range []string{"frontend-blue", "frontend-green", "backend-blue", "backend-green"} {
		s.members(pool, 1)
	}
	page := func() response { return s.do("GET", "/", nil, "") }
	s.until("blue serves", func() bool { return page().status == 200 && s.identity("/api/x") == "blue" })
	before := page()
	require.Contains(t, before.body, old)
	// Before the switch: who tries the new release, and comes back to this one.
	s.until("nginx knows of green", func() bool { return s.do("GET", fresh, nil, "").body == "fresh()" })

	s.run("switch", "green")
	s.until("green serves", func() bool { return s.identity("/api/x") == "green" })
	after := s.do("GET", "/", map[string]string{"If-None-Match": before.header.Get("ETag")}, "")
	assert.Equal(t, 200, after.status, "the new page is noticed")
	assert.Contains(t, after.body, fresh)

	chunk := s.do("GET", old, nil, "")
	assert.Equal(t, 200, chunk.status)
	assert.Equal(t, "old()", chunk.body)
	assert.Equal(t, []string{"public, max-age=31536000, immutable"}, chunk.header.Values("Cache-Control"))
	assert.Equal(t, "nosniff", chunk.header.Get("X-Content-Type-Options"))
	assert.Len(t, chunk.header.Values("Content-Security-Policy"), 1)
	assert.Equal(t, 304, s.do("GET", old, map[string]string{"If-None-Match": chunk.header.Get("ETag")}, "").status)
	assert.Equal(t, "ld(", s.do("GET", old, map[string]string{"Range": "bytes=1-3"}, "").body)
	assert.Equal(t, 200, s.do("HEAD", old, nil, "").status)

	missing := func(name string) {
		t.Helper()
		r := s.do("GET", old+name, nil, "")
		assert.Equal(t, 404, r.status)
		assert.Contains(t, r.body, "nothing at this address")
		assert.Equal(t, []string{"no-store"}, r.header.Values("Cache-Control"))
		assert.Empty(t, r.header.Values("Retry-After"))
		assertSecure(t, "asset of neither", r)
	}
	missing(".none")

	// The old release goes: its assets are not there, which is no fault of the service.
	docker(t, "stop", "--time", "0", blue)
	s.until("blue is gone", func() bool { return s.do("GET", old, nil, "").status != 200 })
	for range 20 {
		missing("")
	}
	assert.Equal(t, "fresh()", s.do("GET", fresh, nil, "").body)
}
