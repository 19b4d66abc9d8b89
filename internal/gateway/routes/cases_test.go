package routes_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

func fixture(t testing.TB) *conf.Config {
	t.Helper()
	cfg, err := conf.Load(os.DirFS("testdata"), conf.Options{Main: "nginx.conf"})
	require.NoError(t, err)
	require.Empty(t, cfg.Problems)
	return cfg
}

// nothing: the fixture has no files.
func nothing(string) bool { return false }

// requests are those that the integration test sends to a real nginx: the hard ones
// by hand, and more made from their parts.
func requests() []routes.Request {
	var out []routes.Request
	add := func(method, host, uri string, headers ...string) {
		r := routes.Request{Method: method, Host: host, URI: uri, Port: 8080, Exists: nothing}
		if len(headers) == 2 {
			r.Headers = map[string]string{headers[0]: headers[1]}
		}
		out = append(out, r)
	}
	for _, uri := range []string{
		"/", "/?a=1", "/exact", "/exact/", "/exactly", "/EXACT", "/exact?x", "//exact", "/./exact", "/x/../exact", "/%65xact",
		"/assets", "/assets/", "/assets/a.js", "/assets/one", "/assets/b.png", "/a.js", "/a.js/", "/a.JS", "/a.PNG", "/a.png%0a", "/a.js%0a",
		"/user/12", "/user/12/x%20y", "/user/x", "/user/12x", "/.git/config", "/x/.env", "/.well-known/x", "/%2egit/config", "/deny/x", "/deny",
		"/api", "/api/", "/api?q=1", "/api/x?q=1&r=%20", "/api//x", "/api/%2F..", "/api/a%2Fb%20c%3Fd", "/api/../exact", "/api/a/./b/../c", "/apix",
		"/strip/", "/strip", "/strip?a=b", "/strip/a%2Fb%20c?d=%20", "/strip//a", "/strip/a+b", "/lost/x", "/noslash", "/noslash/x", "/noslashx",
		"/one", "/one?y=2", "/var/a%2Fb", "/varuri/a?b=c", "/break/a%20b?c=d", "/break/a//b", "/breakuri/a?c=d", "/again/12", "/again/x/y?z", "/again/none",
		"/if/", "/if/?go=a", "/if/?go=c", "/if/?up=1", "/nested/", "/nested/deep/", "/nested/deep/x", "/nested/deep/y", "/nested/re", "/nested/rex",
		"/nested/deep/re", "/try/x?y=1", "/try404/x", "/trynamed/x", "/files/x", "/files/", "/limited/x", "/limited", "/teapot", "/go", "/go?a=b", "/goabs?x=%20",
		"/old/x?y=1", "/moved/x?y=1", "/moved/a%20b", "/loop/", "/?stop=1", "/exact-map", "/errors/404", "/missing.js/x", "/..", "/../x", "/x/../../y", "/%", "/%zz", "/%00",
		"/x%3Fy", "/x%23y", "/x#y", "/x?y#z", "/x%252e", "/%2e%2e/x", "/x/%2e%2e", "/x/..", "/x/.", "/x/...", "/x/.../y", "/..x", "/x/..%2fexact", "/%2f%2fexact", "/a%5cb",
		"http://b.example/x/y", "http://b.example", "http://A.EXAMPLE/exact?y",
	} {
		add("GET", "a.example", uri)
	}
	add("POST", "a.example", "/if/x")
	add("POST", "a.example", "/files/x")
	add("POST", "a.example", "/limited/x")
	add("DELETE", "a.example", "/api/x")
	add("GET", "a.example", "/if/", "X-Teapot", "1")
	add("GET", "a.example", "/var/x", "Upgrade", "websocket")
	for _, host := range []string{"A.Example", "a.example:8080", "a.example.", "x.wild.example", "wild.example", "x.y.wild.example", "re7.example", "rex.example",
		"other", "w.x", "b.example", "b..example", "b/x", "[::1]:8080", "[::1"} {
		add("GET", host, "/exact?h")
		add("GET", host, "/only/x")
	}
	for _, uri := range []string{"//admin/", "/admin/", "/admin", "//x//y", "/x//y", "/x", "/x/?", "/x/../admin/", "/x/a/"} {
		add("GET", "b.example", uri)
	}
	rnd := rand.New(rand.NewPCG(7, 7)) // the same ones each time
	parts := []string{"api", "exact", "assets", "strip", "nested", "deep", "x", "a.js", "..", ".", "", "%2e%2e", "%2F", "%20", "user", "12", ".git", "break", "again", "if", "b.PNG", "%3f", "noslash", "one", "var"}
	tails := []string{"", "", "", "?a=1", "?go=a", "?stop=1", "?", "/", "//"}
	for range 300 {
		var uri strings.Builder
		for range 1 + rnd.IntN(4) {
			fmt.Fprintf(&uri, "/%s", parts[rnd.IntN(len(parts))])
		}
		uri.WriteString(tails[rnd.IntN(len(tails))])
		add("GET", []string{"a.example", "a.example", "b.example"}[rnd.IntN(3)], uri.String())
	}
	return out
}
