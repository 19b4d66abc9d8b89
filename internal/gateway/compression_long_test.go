//go:build integration && long

package gateway_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// RFC 9110, 12.5.3: what a client says it takes.
func TestEncodingIsTheClientsChoice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, c := range []struct {
		accept string
		want   []string
	}{
		{"", []string{""}},
		{"identity", []string{""}},
		{"gzip", []string{"gzip"}},
		{"br", []string{"br"}},
		{"gzip, deflate, br, zstd", []string{"br", "gzip"}},
		{"gzip;q=0", []string{""}},
		{"br;q=0", []string{""}},
		{"br;q=0, gzip", []string{"gzip"}},
		{"gzip;q=0, br", []string{"br"}},
		{"gzip;q=0.0, br;q=0.000", []string{""}},
		{"gzip;q=0.5, br;q=0.8", []string{"br", "gzip"}},
		{"brother, gzippy", []string{""}},
		{"deflate", []string{""}},
	} {
		header := map[string]string{"Accept-Encoding": c.accept}
		if c.accept == "" {
			header = nil
		}
		r := s.do("GET", "/api/x?size=5000", header, "")
		assert.Contains(t, c.want, r.header.Get("Content-Encoding"), c.accept)
		assert.Equal(t, []string{"Accept-Encoding"}, r.header.Values("Vary"), "%s: a cache has to know, whatever this client got", c.accept)
	}
	accept := map[string]string{"Accept-Encoding": "gzip, br"}
	assert.Empty(t, s.do("GET", "/asset?size=100", accept, "").header.Get("Content-Encoding"), "too small to be worth it")

	// What is encoded already stays as it is.
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(bytes.Repeat([]byte("x"), 5000))
	require.NoError(t, z.Close())
	encoded := s.do("GET", "/api/x?size=5000&header=Content-Encoding:zstd", accept, "")
	assert.Equal(t, []string{"zstd"}, encoded.header.Values("Content-Encoding"))
	assert.Len(t, encoded.body, 5000)

	// An answer's own Vary is kept.
	own := s.do("GET", "/api/x?size=5000&header=Vary:Origin", accept, "")
	assert.ElementsMatch(t, []string{"Origin", "Accept-Encoding"}, own.header.Values("Vary"))
	same := s.do("GET", "/api/x?size=5000&header=Vary:Accept-Encoding", accept, "")
	assert.Subset(t, []string{"Accept-Encoding"}, same.header.Values("Vary"))

	// Parts and unchanged answers have no body to encode.
	part := s.do("GET", "/api/x?status=206&header=Content-Range:bytes%200-4999/9000&size=5000", accept, "")
	assert.Empty(t, part.header.Get("Content-Encoding"))
	assert.Len(t, part.body, 5000)
	assert.Empty(t, s.do("GET", "/api/x?status=304&header=ETag:x", accept, "").header.Get("Content-Encoding"))

	// An encoded answer is not byte for byte what the tag stands for (RFC 9110, 8.8.3).
	tagged := s.do("GET", "/api/x?size=5000&header="+url.QueryEscape(`ETag:"v1"`), accept, "")
	assert.Equal(t, `W/"v1"`, tagged.header.Get("ETag"))

	head := s.do("HEAD", "/api/x?size=5000", accept, "")
	assert.Equal(t, 200, head.status)
	assert.Empty(t, head.body)
	assert.NotEqual(t, "5000", head.header.Get("Content-Length"), "not the length of what GET would send")
	plain := s.do("HEAD", "/api/x", map[string]string{"Accept-Encoding": "identity"}, "")
	assert.Equal(t, 200, plain.status)
	assert.Empty(t, plain.body)
}

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
