//go:build integration && long

package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHeaderLimits(t *testing.T) {
	t.Parallel()
	s := newSecureSite(t, []string{"product.example"})
	s.both()
	c := s.http2()
	// What browsers send at most passes.
	cookie := map[string]string{"Cookie": "a=" + strings.Repeat("x", 15000)}
	assert.Len(t, s.do("GET", "/api/x", cookie, "").echo().Header.Get("Cookie"), 15002)
	assert.Len(t, s.do2(c, "GET", "/api/x", cookie, "").echo().Header.Get("Cookie"), 15002)

	large, many := map[string]string{"X-Large": strings.Repeat("x", 20000)}, map[string]string{}
	for i := range 6 {
		many[fmt.Sprintf("X-Large-%d", i)] = strings.Repeat("x", 14000)
	}
	for name, do := range map[string]func(target string) response{
		"one header":   func(target string) response { return s.do("GET", target, large, "") },
		"many headers": func(target string) response { return s.do("GET", target, many, "") },
	} {
		page, api := do("/x"), do("/api/x")
		assert.Equal(t, 431, page.status, name)
		assert.Contains(t, page.body, "header is larger than the limit", name)
		assert.Contains(t, page.header.Get("Content-Type"), "text/html", name)
		assertSecure(t, name, page)
		code, message, _ := api.failure()
		assert.Equal(t, 431, api.status, name)
		assert.Equal(t, "too_large", code, name)
		assert.Contains(t, message, "header is larger than the limit", name)
		assertSecure(t, name, api)
	}
	// HTTP/2 has an error for that, which ends the connection (RFC 9113, 10.5.1).
	req, err := http.NewRequest("GET", "https://"+s.host+"/", nil)
	require.NoError(t, err)
	for name, value := range many {
		req.Header.Set(name, value)
	}
	_, err = c.Do(req)
	assert.ErrorContains(t, err, "ENHANCE_YOUR_CALM")
	assert.Equal(t, 200, s.do2(c, "GET", "/", nil, "").status, "a new one is welcome")

	long := s.do("GET", "/api/"+strings.Repeat("x", 20000), nil, "")
	assert.Equal(t, 414, long.status)
	assert.Contains(t, long.body, "address is longer than the limit")
	assert.Equal(t, 200, s.do("GET", "/api/"+strings.Repeat("x", 8000), nil, "").status)
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--env", "CONNECTION_LIMIT=3")
	s.both()
	var open []*http.Response
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.url("/api/stream"), nil)
		require.NoError(t, err)
		res, err := s.client().Do(req)
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode)
		open = append(open, res)
	}
	assertTooMany(t, s.do("GET", "/x", nil, ""), s.do("GET", "/api/x", nil, ""))
	assert.Equal(t, 200, s.do("GET", "/healthz", nil, "").status)
	for _, res := range open {
		require.NoError(t, res.Body.Close())
	}
	s.until("the client may ask again", func() bool { return s.identity("/x") == "frontend" })
}
