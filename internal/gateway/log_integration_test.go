//go:build integration

package gateway_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logLine is what the tests look at of an access log's line.
type logLine struct {
	RequestID string `json:"request_id"`
	Client    string
	Method    string
	Host      string
	Path      string
	Status    int
	Upstream  string
	Seconds   float64 // of the whole request
	// Of each member that was asked, "-" where there is nothing to say; empty where nobody was.
	UpstreamStatus  string `json:"upstream_status"`
	UpstreamSeconds string `json:"upstream_seconds"`
	Cache           *string
	Referer         string
	Colour          string
	Route           string
	UserAgent       string `json:"user_agent"`
}

// lines are the access log's lines so far. Each has to be a JSON object in valid UTF-8.
func (s *site) lines() map[string]logLine {
	s.t.Helper()
	out, _ := s.log()
	lines := map[string]logLine{}
	for text := range strings.Lines(out) {
		require.True(s.t, utf8.ValidString(text), "%q", text)
		var l logLine
		d := json.NewDecoder(strings.NewReader(text))
		require.NoError(s.t, d.Decode(&l), "%q", text)
		require.False(s.t, d.More(), "%q", text)
		lines[l.RequestID] = l
	}
	return lines
}

// logged waits for the line of a request.
func (s *site) logged(id string) (l logLine) {
	s.t.Helper()
	s.until("the request "+id+" is logged", func() (ok bool) {
		l, ok = s.lines()[id]
		return ok
	})
	return l
}

func TestLogIsJSONWhateverClientsSend(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	id := 0
	send := func(target string, header map[string]string) string {
		id++
		name := fmt.Sprintf("hostile-%d", id)
		header["X-Request-ID"] = name
		s.do("GET", target, header, "")
		return name
	}
	quotes := send("/api/x", map[string]string{"User-Agent": `a"b\c`, "Referer": `https://x.example/"\?token=secret`})
	send("/api/\"\\\x7f<script>", map[string]string{"User-Agent": "tab\there", "Referer": "javascript:alert(1)//\\u0000"})
	broken := send("/api/\xff\xfe\xc3\x28?a=\xff&token=\xe2\x82", map[string]string{"User-Agent": "broken \xff\xfe \xed\xa0\x80 \xf0\x9f", "Referer": "\xc3\x28?x"})
	right := send("/api/你好?q=世界", map[string]string{"User-Agent": "浏览器 🦊", "Referer": "https://例子.example/页?x=1"})
	long := send("/api/x?long="+strings.Repeat("y", 12000), map[string]string{"User-Agent": strings.Repeat("z", 15000)})
	utf8Long := send("/api/x", map[string]string{"User-Agent": strings.Repeat("世", 5000)})
	send("/api/x", map[string]string{"X-Large": strings.Repeat("x", 20000)})
	for _, text := range []string{"GARBAGE\r\n\r\n", "GET /x\r\n", "GET /\xff HTTP/1.1\r\nHost: \xff\xfe\"\r\n\r\n", "\x00\x01\x02\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\"b\r\n\r\n", "GET /\"x HTTP/1.9\r\nHost: x\r\n\r\n", "\r\n"} {
		s.pipeline(text, text)
	}

	s.do("POST", "/.env?x=1", map[string]string{"X-Request-ID": "post-to-nothing"}, "")
	l := s.logged("post-to-nothing")
	assert.Equal(t, "POST", l.Method, "of the client, not of the error's page")
	assert.Equal(t, "/.env?x=1", l.Path)
	assert.Equal(t, 404, l.Status)
	l = s.logged(quotes)
	assert.Equal(t, "/api/x", l.Path)
	assert.Equal(t, 200, l.Status)
	assert.Equal(t, `a"b\c`, l.UserAgent)
	assert.Equal(t, `https://x.example/"\`, l.Referer, "without the query")
	assert.Equal(t, "product.example", l.Host)
	assert.Equal(t, "api", l.Route)
	assert.Equal(t, "blue", l.Colour)
	assert.Contains(t, l.Upstream, ":8080")
	assert.Contains(t, s.logged(broken).UserAgent, "broken \ufffd")
	l = s.logged(right)
	assert.Equal(t, "/api/你好?q=世界", l.Path)
	assert.Equal(t, "浏览器 🦊", l.UserAgent)
	assert.Equal(t, "https://例子.example/页", l.Referer)
	assert.Less(t, len(s.logged(long).UserAgent)+len(s.logged(long).Path), 3000, "long enough")
	assert.Less(t, len(s.logged(utf8Long).UserAgent), 1600)

	// How long it took, and what of that the application; what the gateway's cache did, which keeps nothing.
	s.do("GET", "/api/x?wait=300ms&status=418", map[string]string{"X-Request-ID": "takes-its-time"}, "")
	l = s.logged("takes-its-time")
	assert.Equal(t, 418, l.Status)
	assert.Equal(t, "418", l.UpstreamStatus)
	took, err := strconv.ParseFloat(l.UpstreamSeconds, 64)
	require.NoError(t, err, "upstream_seconds")
	assert.InDelta(t, 15.3, took, 15, "it is told in seconds")
	assert.GreaterOrEqual(t, l.Seconds+0.002, took, "nginx reads its clock once a round")
	if assert.NotNil(t, l.Cache, "it is in each line") {
		assert.Empty(t, *l.Cache)
	}
	l = s.logged("post-to-nothing")
	assert.Empty(t, l.UpstreamStatus+l.UpstreamSeconds, "nobody was asked")
	s.do("GET", "/api/x?raw=HTTP/1.1", map[string]string{"X-Request-ID": "no-answer"}, "")
	assert.Regexp(t, `^502\b`, s.logged("no-answer").UpstreamStatus)

	_, stderr := s.log()
	assert.NotContains(t, stderr, "exception", "of the script")
	s.do("GET", "/x?raw=HTTP/1.1&token=S3CRET", map[string]string{"Referer": "http://x.example/?token=S3CRET"}, "")
	s.until("errors are on standard error", func() bool {
		_, stderr := s.log()
		return strings.Contains(stderr, "[error]") && strings.Contains(stderr, "/x?*** HTTP/1.1")
	})
	_, stderr = s.log()
	assert.NotContains(t, stderr, "S3CRET")
}

func TestSecretsInQueriesAreMasked(t *testing.T) {
	t.Parallel()
	targets := map[string]string{ // what is sent, and what is left of it
		"/api/x?token=S3CRET":                       "/api/x?token=***",
		"/api/x?a=1&Password=S3CRET&b=2":            "/api/x?a=1&Password=***&b=2",
		"/api/x?token=S3CRET&token=S3CRET":          "/api/x?token=***&token=***",
		"/api/x?user[password]=S3CRET&user[name]=n": "/api/x?user[password]=***&user[name]=n",
		"/api/x?user%5Bpassword%5D=S3CRET":          "/api/x?user%5Bpassword%5D=***",
		"/api/x?token[]=S3CRET&token[0]=S3CRET":     "/api/x?token[]=***&token[0]=***",
		"/api/x?user.password=S3CRET":               "/api/x?user.password=***",
		"/api/x?%74oken=S3CRET&t%6Fken=S3CRET":      "/api/x?%74oken=***&t%6Fken=***",
		"/api/x?token=S3CRET=S3CRET":                "/api/x?token=***",
		"/api/x?a=1;token=S3CRET":                   "/api/x?a=1;token=***",
		"/api/x?+token+=S3CRET":                     "/api/x?+token+=***",
		"/api/x?%ff=1&token=S3CRET":                 "/api/x?%ff=1&token=***",
		"/api/x?tokens=shown&mytoken=shown&token":   "/api/x?tokens=shown&mytoken=shown&token",
		"/api/x?":                 "/api/x?",
		"/api/x?q=a%20b&next=/x":  "/api/x?q=a%20b&next=/x",
		"/x?code=S3CRET&state=ok": "/x?code=***&state=ok",
		"/.env?token=S3CRET":      "/.env?token=***",
		"/x/../api?token=S3CRET":  "/x/../api?token=***",
	}
	for mode, want := range map[string]func(target string) string{
		"masked": func(target string) string { return targets[target] },
		"off":    func(target string) string { path, _, _ := strings.Cut(target, "?"); return path },
		"full":   func(target string) string { return target },
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "--env", "LOG_QUERY="+mode)
			ids := map[string]string{}
			for target := range targets {
				id := fmt.Sprintf("target-%d-%s", len(ids), randomHex(2))
				s.do("GET", target, map[string]string{"X-Request-ID": id, "Referer": "http://x.example/page?token=S3CRET#token=S3CRET"}, "")
				ids[target] = id
			}
			for target, id := range ids {
				l := s.logged(id)
				assert.Equal(t, want(target), l.Path, target)
				assert.Equal(t, "http://x.example/page", l.Referer)
			}
			out, _ := s.log()
			if mode != "full" {
				assert.NotContains(t, out, "S3CRET")
			}
		})
	}
	t.Run("own names", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, "--env", "LOG_MASK=Pin, otp")
		s.do("GET", "/x?pin=S3CRET&OTP=S3CRET&token=shown", map[string]string{"X-Request-ID": "own-names"}, "")
		assert.Equal(t, "/x?pin=***&OTP=***&token=shown", s.logged("own-names").Path)
	})
}
