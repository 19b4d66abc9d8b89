//go:build integration && long

package gateway_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A read-only root left nginx nowhere to put a large body (docker-nginx-unprivileged
// 175); the limit is one setting (nginx-proxy 912).
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	s := newSecureSite(t, []string{"product.example"}, "--env", "BODY_LIMIT=8m")
	s.both()
	c := s.http2()
	fits, over := strings.Repeat("x", 8<<20), strings.Repeat("x", 8<<20+1)
	for _, path := range []string{"/api/upload", "/upload"} {
		r := s.do("POST", path, nil, fits)
		require.Equal(t, 200, r.status, path)
		assert.EqualValues(t, 8<<20, r.echo().BodyBytes, path)
		assert.Equal(t, 413, s.do("POST", path, nil, over).status, path)

		two := s.do2(c, "POST", path, nil, fits)
		require.Equal(t, 200, two.status, path)
		assert.EqualValues(t, 8<<20, two.echo().BodyBytes, path)
		assert.Equal(t, 413, s.do2(c, "POST", path, nil, over).status, path)

		piece, err := s.raw("POST", s.chunked(path, fits))
		require.NoError(t, err, path)
		assert.Equal(t, 200, piece.status, path)
		assert.EqualValues(t, 8<<20, piece.echo().BodyBytes, path)
		piece, err = s.raw("POST", s.chunked(path, over))
		require.NoError(t, err, path)
		assert.Equal(t, 413, piece.status, path)
	}
	refused := s.do("POST", "/api/upload", nil, over)
	code, message, _ := refused.failure()
	assert.Equal(t, "too_large", code)
	assert.Contains(t, message, "larger than the limit")
	page := s.do("POST", "/upload", nil, over)
	assert.Contains(t, page.header.Get("Content-Type"), "text/html")
	assert.Contains(t, page.body, "larger than the limit")

	// A large answer passes a slow reader's connection without a file.
	assert.Len(t, s.do("GET", "/big?size=20000000&type=image/png", nil, "").body, 20000000)

	// A client that asks first hears of the limit before it sends.
	r, err := s.raw("POST", "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	assert.Equal(t, 413, r.status)
}
