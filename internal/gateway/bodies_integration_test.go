//go:build integration

package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chunked is a request whose body has no length beforehand.
func (s *site) chunked(target, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
		target, s.host, len(body), body)
}

// A body without its end, or none where one is announced: what is refused reaches nobody.
func TestRefusedBodiesAreNotCarriedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "BODY_LIMIT=100")
	s.both()
	for _, body := range []string{strings.Repeat("length-", 20), strings.Repeat("pieces-", 20)} {
		text := s.chunked("/api/x", body)
		if strings.HasPrefix(body, "length") {
			text = fmt.Sprintf("POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
		r, err := s.raw("POST", text)
		require.NoError(t, err)
		assert.Equal(t, 413, r.status)
	}
	require.Equal(t, 200, s.do("POST", "/api/x", nil, "fits").status)
	var seen []string
	require.NoError(t, json.Unmarshal([]byte(s.do("GET", "/api/seen", nil, "").body), &seen))
	assert.Equal(t, []string{"fits"}, seen)
}
