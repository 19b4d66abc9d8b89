//go:build integration

package gateway_test

import (
	"compress/gzip"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gzip was on, one type was missing, and scripts went uncompressed (SteveLTN/https-portal 135).
func TestCompressesEveryKindOfText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	get := func(path, contentType, accept string) response {
		return s.do("GET", path+"?size=5000&type="+url.QueryEscape(contentType), map[string]string{"Accept-Encoding": accept}, "")
	}
	for _, contentType := range []string{
		"text/html", "text/html; charset=utf-8", "text/css", "text/javascript", "application/javascript", "application/json",
		"application/manifest+json", "application/problem+json", "application/wasm", "image/svg+xml", "image/x-icon",
		"text/plain", "text/xml", "application/xml", "font/ttf", "font/otf", "text/csv", "application/rss+xml",
	} {
		for _, encoding := range []string{"gzip", "br"} {
			for _, path := range []string{"/asset", "/api/x"} {
				r := get(path, contentType, encoding)
				assert.Equal(t, encoding, r.header.Get("Content-Encoding"), "%s %s", path, contentType)
				assert.Equal(t, []string{"Accept-Encoding"}, r.header.Values("Vary"), "%s %s %s", path, contentType, encoding)
				assert.Less(t, len(r.body), 1000, "%s %s", path, contentType)
			}
		}
	}
	for _, contentType := range []string{"image/png", "image/webp", "font/woff2", "application/zip", "application/gzip", "video/mp4", "text/event-stream"} {
		for _, encoding := range []string{"gzip", "br"} {
			assert.Empty(t, get("/asset", contentType, encoding).header.Get("Content-Encoding"), contentType)
		}
	}
	packed := get("/api/x", "text/plain", "gzip")
	z, err := gzip.NewReader(strings.NewReader(packed.body))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	assert.Equal(t, get("/api/x", "text/plain", "identity").body, string(plain))
}
