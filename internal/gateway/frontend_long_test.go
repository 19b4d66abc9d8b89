//go:build integration && long

package gateway_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the build has packed is served as it is.
func TestPrecompressedFilesPass(t *testing.T) {
	t.Parallel()
	s := realSite(t)
	page := s.do("GET", "/", nil, "")
	chunk := chunkPath.FindString(page.body)
	plain := s.do("GET", chunk, nil, "")
	assert.Empty(t, plain.header.Get("Content-Encoding"))
	assert.Subset(t, []string{"Accept-Encoding"}, plain.header.Values("Vary"))
	assert.NotEmpty(t, plain.header.Values("Vary"))
	packed := s.do("GET", chunk, map[string]string{"Accept-Encoding": "gzip"}, "")
	assert.Equal(t, "gzip", packed.header.Get("Content-Encoding"))
	assert.NotEmpty(t, packed.header.Values("Vary"))
	assert.NotEmpty(t, packed.header.Get("Content-Length"), "a file, not made at the moment")
	assert.False(t, strings.HasPrefix(packed.header.Get("ETag"), "W/"), "a file has a strong tag")
	z, err := gzip.NewReader(strings.NewReader(packed.body))
	require.NoError(t, err)
	unpacked, err := io.ReadAll(z)
	require.NoError(t, err)
	assert.Equal(t, plain.body, string(unpacked))

	br := s.do("GET", chunk, map[string]string{"Accept-Encoding": "gzip, br"}, "")
	assert.Equal(t, "br", br.header.Get("Content-Encoding"))
	assert.NotEmpty(t, br.header.Get("Content-Length"))
	assert.Less(t, len(br.body), len(packed.body), "at its best, since it is made once")
	same := s.do("GET", chunk, map[string]string{"Accept-Encoding": "gzip, br", "If-None-Match": br.header.Get("ETag")}, "")
	assert.Equal(t, 304, same.status)
}
