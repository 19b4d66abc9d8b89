//go:build integration

package gateway_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var chunkPath = regexp.MustCompile(`/assets/[A-Za-z0-9_.-]+\.js`)

// realSite has the product's own frontend of a colour and an echo as its backend.
func realSite(t *testing.T, options ...string) *site {
	t.Helper()
	s := newSite(t, options...)
	s.frontend("blue", nil)
	s.app("backend-blue", "backend")
	s.until("both answer", func() bool {
		r, err := s.try("GET", "/", nil, "")
		return err == nil && r.status == 200 && s.identity("/api/x") == "backend"
	})
	return s
}

// The frontend decides which path is a page: a deep link is one, a missing file is not.
func TestHistoryFallback(t *testing.T) {
	t.Parallel()
	s := realSite(t)
	page := s.do("GET", "/", nil, "")
	require.Contains(t, page.body, "<!doctype html>")
	assertFrontendPage := func(target string) {
		r := s.do("GET", target, nil, "")
		assert.Equal(t, 200, r.status, target)
		assert.Equal(t, page.body, r.body, target)
		assert.Equal(t, "no-cache", r.header.Get("Cache-Control"), target)
		assert.Len(t, r.header.Values("Content-Security-Policy"), 1, target)
		assert.Contains(t, r.header.Get("Content-Security-Policy"), "default-src 'none'", target)
		assert.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"), target)
	}
	for _, target := range []string{"/index.html", "/deep/link", "/deep/link/", "/notes/7?filter=a%2Fb", "/a%20b", "/apix/y"} {
		assertFrontendPage(target)
	}
	for _, target := range []string{"/missing.js", "/assets/missing-123.js", "/assets/", "/deep/missing.png", "/favicon-none.ico", "/assets/x/../../missing.css"} {
		r := s.do("GET", target, nil, "")
		assert.Equal(t, 404, r.status, target)
		assert.Equal(t, "no-store", strings.Join(r.header.Values("Cache-Control"), ", "), target)
		assert.NotEqual(t, page.body, r.body, target)
	}
	for _, target := range []string{"/api", "/api/", "/api/missing/page"} {
		assert.Equal(t, "backend", s.do("GET", target, nil, "").echo().ID, target)
	}
	version := s.do("GET", "/version.json", nil, "")
	assert.Equal(t, 200, version.status)
	assert.Contains(t, version.body, `"version"`)
	assert.Equal(t, "no-cache", version.header.Get("Cache-Control"))
}

func TestCachingOfThePageAndItsAssets(t *testing.T) {
	t.Parallel()
	s := realSite(t)
	page := s.do("GET", "/", nil, "")
	etag := page.header.Get("ETag")
	require.NotEmpty(t, etag)
	assert.Equal(t, []string{"no-cache"}, page.header.Values("Cache-Control"))
	assert.Empty(t, page.header.Get("Last-Modified"), "two releases could share one")
	for _, target := range []string{"/", "/deep/link"} {
		same := s.do("GET", target, map[string]string{"If-None-Match": etag}, "")
		assert.Equal(t, 304, same.status, target)
		assert.Empty(t, same.body, target)
		assert.Equal(t, etag, same.header.Get("ETag"), target)
		assert.Equal(t, []string{"no-cache"}, same.header.Values("Cache-Control"), target)
		assert.Empty(t, same.header.Get("Content-Length"), target)
	}
	other := s.do("GET", "/", map[string]string{"If-None-Match": `"another"`}, "")
	assert.Equal(t, 200, other.status)
	// A date says nothing, since files have the times of their contents.
	dated := s.do("GET", "/", map[string]string{"If-Modified-Since": "Mon, 01 Jan 2035 00:00:00 GMT"}, "")
	assert.Equal(t, 200, dated.status)

	chunk := chunkPath.FindString(page.body)
	require.NotEmpty(t, chunk)
	asset := s.do("GET", chunk, nil, "")
	require.Equal(t, 200, asset.status)
	assert.Equal(t, []string{"public, max-age=31536000, immutable"}, asset.header.Values("Cache-Control"))
	assert.Contains(t, asset.header.Get("Content-Type"), "text/javascript")
	unchanged := s.do("GET", chunk, map[string]string{"If-None-Match": asset.header.Get("ETag")}, "")
	assert.Equal(t, 304, unchanged.status)
	assert.Equal(t, asset.header.Values("Cache-Control"), unchanged.header.Values("Cache-Control"))
	head := s.do("HEAD", chunk, nil, "")
	assert.Equal(t, 200, head.status)
	assert.Equal(t, asset.header.Get("Content-Length"), head.header.Get("Content-Length"))

	part := s.do("GET", chunk, map[string]string{"Range": "bytes=10-19"}, "")
	assert.Equal(t, 206, part.status)
	assert.Equal(t, asset.body[10:20], part.body)
	valid := s.do("GET", chunk, map[string]string{"Range": "bytes=10-19", "If-Range": asset.header.Get("ETag")}, "")
	assert.Equal(t, 206, valid.status)
	stale := s.do("GET", chunk, map[string]string{"Range": "bytes=10-19", "If-Range": `"another"`}, "")
	assert.Equal(t, 200, stale.status)
	beyond := s.do("GET", chunk, map[string]string{"Range": "bytes=99999999-"}, "")
	assert.Equal(t, 416, beyond.status)
}

// Answers were kept although the request carried Authorization, and one user's was
// served to another (nginx 824).
func TestTwoUsersNeverShareAnAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, path := range []string{"/api/me", "/me", "/assets/me"} {
		for _, extra := range []string{"", "?header=Cache-Control:public,max-age=60&header=ETag:x"} {
			for range 5 {
				for _, user := range []string{"alice", "bob", ""} {
					header := map[string]string{"Authorization": "Bearer " + user}
					if user == "" {
						header = nil
					}
					got := s.do("GET", path+extra, header, "")
					assert.Equal(t, header["Authorization"], got.echo().Header.Get("Authorization"), path)
				}
			}
		}
	}
}
