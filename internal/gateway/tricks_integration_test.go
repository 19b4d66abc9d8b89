//go:build integration

package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Paths that mean two things. Each is refused or reaches the application as it was
// written, and nothing of the gateway's own files comes out (Orange Tsai, Black Hat 2018).
func TestPathTricks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	for _, target := range []string{
		"/static../nginx.conf", "/assets../nginx.conf", "/assets..%2fnginx.conf", "/api../x", "/assets/../../etc/passwd", "/assets/..%2f..%2fetc/passwd",
		"/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/%252e%252e/x", "/..\\..\\etc\\passwd", "/assets\\..\\x", "/assets/..;/x",
		"/\\evil.example", "//evil.example/..", "/.gateway/error.json", "/.gateway/", "/.gateway/../.gateway/error.html", "/%2egateway/error.json",
		"/@previous_asset", "/x#/../api", "/api;/x", "/healthz/..;/x", "/healthz%2f..",
	} {
		r := s.do("GET", target, nil, "")
		switch r.status {
		case 200:
			assert.Equal(t, target, r.echo().Target, "as it was written")
		default:
			assert.Contains(t, []int{400, 404}, r.status, target)
			assertSecure(t, target, r)
		}
		assert.NotContains(t, r.body, "root:", target)
		assert.NotContains(t, r.body, "worker_processes", target)
	}
	// Bytes that are not UTF-8 are the application's business.
	for _, target := range []string{"/api/\x80\xff", "/\xc0\xae\xc0\xae/etc/passwd"} {
		assert.NotEmpty(t, s.do("GET", target, nil, "").echo().ID, "%q", target)
	}
	for _, target := range []string{"/%00", "/x%00.js", "/api/%00", "/x\x00y", "x", "", "*", "/%zz", "/%", "/x\ty"} {
		r := s.do("GET", target, nil, "")
		assert.Contains(t, []int{400, 404, 405}, r.status, "%q", target)
		assertSecure(t, target, r)
	}
}

// Requests that two servers would read in two ways (RFC 9112, 11.2): each is refused as
// a whole, and the rest of the connection is not read as another request.
func TestSmugglingIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	const inner = "POST /api/smuggled HTTP/1.1\r\nHost: product.example\r\nContent-Length: 8\r\n\r\nsmuggled"
	head := "POST /api/x HTTP/1.1\r\nHost: product.example\r\n"
	for name, text := range map[string]string{
		"two hosts":              "GET /api/x HTTP/1.1\r\nHost: product.example\r\nHost: evil.example\r\n\r\n" + inner,
		"no host":                "GET /api/x HTTP/1.1\r\n\r\n" + inner,
		"host with a path":       "GET /api/x HTTP/1.1\r\nHost: product.example/../x\r\n\r\n" + inner,
		"length and pieces":      head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", len(inner)+5, inner),
		"pieces and length":      head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner,
		"two lengths":            head + "Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + inner,
		"list of lengths":        head + "Content-Length: 0, 5\r\n\r\n" + inner,
		"length with a sign":     head + "Content-Length: +0\r\n\r\n" + inner,
		"negative length":        head + "Content-Length: -1\r\n\r\n" + inner,
		"hexadecimal length":     head + "Content-Length: 0x0\r\n\r\n" + inner,
		"unknown encoding":       head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
		"encoding twice":         head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
		"pieces in HTTP/1.0":     "POST /api/x HTTP/1.0\r\nHost: product.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"bad size of a piece":    head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + inner,
		"size that overflows":    head + "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n" + inner,
		"negative size":          head + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n" + inner,
		"space before the colon": head + "Content-Length : 0\r\n\r\n" + inner,
		"name with a line break": head + "X-A: b\rContent-Length: 0\r\n\r\n" + inner,
		"null in a header":       head + "X-A: b\x00c\r\n\r\n" + inner,
		"HTTP/2 preface":         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + inner,
		"version of the future":  "GET /api/x HTTP/3.0\r\nHost: product.example\r\n\r\n" + inner,
		"lower case method":      "get /api/x HTTP/1.1\r\nHost: product.example\r\n\r\n" + inner,
		"rubbish":                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + inner,
	} {
		answers := s.pipeline(name, text)
		if assert.NotEmpty(t, answers, name) {
			assert.Len(t, answers, 1, "%s: the rest is not another request", name)
			assert.Contains(t, []int{400, 501, 505}, answers[0].status, name)
			if answers[0].header.Get("X-Request-Id") != "" {
				assertSecure(t, name, answers[0])
			}
			assert.NotContains(t, answers[0].body, "nginx/", name)
		}
	}
	var seen []string
	require.NoError(t, json.Unmarshal([]byte(s.do("GET", "/api/seen", nil, "").body), &seen))
	assert.NotContains(t, seen, "smuggled")

	// The same on one connection, said properly, is two requests.
	answers := s.pipeline("two requests", head+"Content-Length: 3\r\n\r\none"+inner)
	require.Len(t, answers, 2)
	assert.Equal(t, "/api/smuggled", answers[1].echo().Target)
}

// pipeline sends bytes and reads every answer until the connection ends or is silent.
func (s *site) pipeline(name, text string) []response {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(s.t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, text)
	require.NoError(s.t, err, name)
	in := bufio.NewReader(conn)
	var answers []response
	for {
		require.NoError(s.t, conn.SetReadDeadline(time.Now().Add(time.Second)))
		r, err := readOne(in)
		if err != nil {
			return answers
		}
		answers = append(answers, r)
		if strings.EqualFold(r.header.Get("Connection"), "close") {
			return answers
		}
	}
}
