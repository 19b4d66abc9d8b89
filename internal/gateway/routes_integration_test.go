//go:build integration

package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// route is a target and who has to answer it; the target arrives as it was written.
type route struct{ target, id string }

var unchanged = []route{
	{"/api", "backend"},
	{"/api?q=1", "backend"},
	{"/api/", "backend"},
	{"/api/x?q=1", "backend"},
	{"/api/x/", "backend"},
	{"/api/x/?", "backend"},
	{"/api//x", "backend"},
	{"/api/%2F..", "backend"},
	{"/api/a%2Fb%20c%3Fd", "backend"},
	{"/api/a%2fb", "backend"},
	{"/api/x?next=/api/../etc&y=a+b%20c;d", "backend"},
	{"/api/x?a=1&a=2&empty=&none", "backend"},
	{"/api/%E4%BD%A0/|x", "backend"},
	{"/api/.env", "backend"}, // the application's own business
	{"/api/a/./b/../c", "backend"},
	{"/apix", "frontend"},
	{"/api.json", "frontend"},
	{"/API/x", "frontend"},
	{"/", "frontend"},
	{"/?x=/api/", "frontend"},
	{"/deep/link?x=1", "frontend"},
	{"/deep/link/", "frontend"},
	{"/x//y", "frontend"},
	{"/a%2Fb", "frontend"},
	{"/.well-known/security.txt", "frontend"},
}

// ambiguous has two readings of one path: nginx's and the application's.
var ambiguous = []string{"/api/..", "/api/../x", "/api/%2e%2e/x", "/x/../api/y", "/x/..%2Fapi/y", "/%61pi/x", "/api/x/../../y",
	"/api/..%2f..%2fx", "/x/%2e%2E/api"}

var hidden = []string{"/.env", "/.git/config", "/x/.htpasswd", "/%2egit/config", "/.gateway/unavailable.html", "/.gateway/maintenance.html",
	"/assets/.env", "/x%2f.env", "/x/..%2f.env", "/.well-known/../.env", "/x/.well-known/.git/config", "/x/%2e%2e/.env", "/.ENV"}

// The path after /api was lost, or arrived with a doubled slash (NixOS/nixpkgs
// 517476, owntracks/frontend 63); a location's edge let a path climb out (MemberMatters 109).
func TestPathsArriveUnchanged(t *testing.T) {
	t.Parallel()
	s := newSecureSite(t, []string{"product.example"})
	s.both()
	s.app("backend-green", "next backend")
	s.app("frontend-green", "next frontend")
	s.members("backend-green", 1)
	s.members("frontend-green", 1)
	c := s.http2()
	for name, do := range map[string]func(method, target string) response{
		"HTTP/1.1": func(method, target string) response { return s.do(method, target, nil, "") },
		"HTTP/2":   func(method, target string) response { return s.do2(c, method, target, nil, "") },
	} {
		for _, r := range append([]route{{"/api/\"quoted\"", "backend"}}, unchanged...) {
			if name == "HTTP/2" && r.target == "/api/\"quoted\"" {
				continue // Go's client would encode the quotes
			}
			got := do("GET", r.target)
			assert.Equal(t, 200, got.status, "%s %s", name, r.target)
			assert.Equal(t, r.id, got.echo().ID, "%s %s", name, r.target)
			assert.Equal(t, r.target, got.echo().Target, "%s %s", name, r.target)
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			got := do(method, "/api/a%2Fb?q=1").echo()
			assert.Equal(t, method, got.Method, name)
			assert.Equal(t, "/api/a%2Fb?q=1", got.Target, name)
		}
		for _, target := range ambiguous {
			assert.Equal(t, 400, do("GET", target).status, "%s %s", name, target)
		}
		for _, target := range hidden {
			r := do("GET", target)
			assert.Equal(t, 404, r.status, "%s %s", name, target)
			assert.Contains(t, r.body, "nothing at this address", "%s %s", name, target)
		}
	}
	// The entrance of the release that is not live has the same routes.
	for _, r := range []route{{"/api", "next backend"}, {"/api/a%2Fb?q=1", "next backend"}, {"/", "next frontend"}, {"/deep//link/?x=1", "next frontend"}} {
		got, err := s.preview(r.target)
		if assert.NoError(t, err, r.target) {
			assert.Equal(t, r.id, got.echo().ID, r.target)
			assert.Equal(t, r.target, got.echo().Target, r.target)
			assert.Equal(t, "127.0.0.1", got.echo().Header.Get("X-Real-Ip"))
		}
	}
}
