package conf

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func load(t *testing.T, pairs ...string) *Config {
	t.Helper()
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	c, err := Load(fsys, Options{})
	require.NoError(t, err)
	return c
}

func TestParts(t *testing.T) {
	for s, want := range map[string][]Part{
		"":                nil,
		"plain":           {{Text: "plain"}},
		"$a":              {{Text: "a", Var: true}},
		"x$a-${b}c":       {{Text: "x"}, {Text: "a", Var: true}, {Text: "-"}, {Text: "b", Var: true}, {Text: "c"}},
		"$1x":             {{Text: "1", Var: true}, {Text: "x"}},
		"$12":             {{Text: "1", Var: true}, {Text: "2"}},
		"a$":              {{Text: "a$"}},
		"^/x$|y":          {{Text: "^/x$|y"}},
		"${open":          {{Text: "${open"}},
		"$http_x:$scheme": {{Text: "http_x", Var: true}, {Text: ":"}, {Text: "scheme", Var: true}},
	} {
		assert.Equal(t, want, Parts(s), s)
	}
}

func TestParseTarget(t *testing.T) {
	for s, want := range map[string]Target{
		"http://backend":              {Scheme: "http", Host: "backend"},
		"http://backend/":             {Scheme: "http", Host: "backend", URI: "/", HasURI: true},
		"https://[::1]:8443/a?b":      {Scheme: "https", Host: "[::1]", Port: "8443", URI: "/a?b", HasURI: true},
		"http://$host:8080":           {Scheme: "http", Host: "$host", Port: "8080"},
		"http://${a}_b/x":             {Scheme: "http", Host: "${a}_b", URI: "/x", HasURI: true},
		"http://unix:/tmp/s.sock:/x/": {Scheme: "http", Host: "/tmp/s.sock", Unix: true, URI: "/x/", HasURI: true},
		"http://b:80$request_uri":     {Scheme: "http", Host: "b", Port: "80", URI: "$request_uri", HasURI: true},
		"backend:9000":                {Host: "backend", Port: "9000"},
		"unix:/run/php.sock":          {Host: "/run/php.sock", Unix: true},
	} {
		assert.Equal(t, want, ParseTarget(s), s)
	}
}

func TestWordsAreUnescapedAsNginxDoes(t *testing.T) {
	for in, want := range map[string]string{`a`: "a", `\.php$`: `\.php$`, `a\"b`: `a"b`, `a\\b`: `a\b`, `ok\n`: "ok\n", `\t\r`: "\t\r", `\$x`: `\$x`, `x\`: `x\`} {
		assert.Equal(t, want, unescape(in), in)
	}
}

func TestIncludesAreExpandedInEachPlace(t *testing.T) {
	c := load(t, "nginx.conf", `
events {}
http {
    include /etc/nginx/conf.d/*.conf;
    server {
        include snippets/a.inc;
        location / { include snippets/a.inc; }
    }
}`, "conf.d/b.conf", "map $uri $x { include values.inc; }\n", "values.inc", "/a 1;\ndefault 2;\n", "snippets/a.inc", "\n\nroot /srv;\n")
	require.Empty(t, c.Problems)
	s := c.Servers()[0]
	assert.Equal(t, "/srv", s.Last("root").Arg(0))
	inner := s.Last("location").Last("root")
	assert.Equal(t, 3, inner.Line)
	assert.Equal(t, "snippets/a.inc", inner.File)
	assert.Equal(t, "root /srv;", c.Line(inner.File, inner.Line))
	values, ok := c.Values("http://$x")
	assert.True(t, ok)
	assert.Equal(t, []string{"http://1", "http://2"}, values)
}

func TestInheritanceReplacesLists(t *testing.T) {
	c := load(t, "nginx.conf", `events {}
http {
    add_header A 1;
    add_header B 1;
    server {
        location /x/ { add_header C 1; }
        location /y/ { }
    }
}`)
	l := c.Servers()[0].All("location")
	assert.Len(t, l[0].Inherited("add_header"), 1)
	assert.Len(t, l[1].Inherited("add_header"), 2)
	assert.Nil(t, l[1].Value("root"))
}

func TestJudge(t *testing.T) {
	c := load(t, "nginx.conf", `events {}
http {
    early_hints on;
    more_set_headers "X: y";
    health_check;
    ssl on;
    server { listen 80; location / { least_time header; if ($a) { proxy_pass http://b; root /x; } content_by_lua_block { if a then b = {} end } } }
}`)
	require.Empty(t, c.Problems)
	judge := func(name, version string) Verdict {
		t.Helper()
		var found *Node
		c.Root.Walk(func(n *Node) bool {
			if n.Name == name {
				found = n
			}
			return true
		})
		require.NotNil(t, found, name)
		v, ok := ParseVersion(version)
		require.True(t, ok || version == "")
		return Judge(found, v)
	}
	assert.True(t, judge("early_hints", "1.30.6").OK())
	assert.True(t, judge("early_hints", "").OK())
	assert.Equal(t, Version{1, 29, 0}, judge("early_hints", "1.28.2").TooNew)
	assert.True(t, judge("more_set_headers", "1.30.6").OK())
	assert.True(t, judge("health_check", "1.30.6").Plus)
	assert.Equal(t, Version{1, 25, 1}, judge("ssl", "1.30.6").Removed)
	assert.True(t, judge("ssl", "1.24.0").OK())
	assert.False(t, judge("least_time", "1.30.6").OK())
	assert.True(t, judge("proxy_pass", "").OK())
	assert.True(t, judge("content_by_lua_block", "").OK())
	assert.True(t, judge("if", "").OK())
}

func TestVersions(t *testing.T) {
	v, ok := ParseVersion("nginx/1.30.6")
	assert.True(t, ok)
	assert.Equal(t, "1.30.6", v.String())
	older, _ := ParseVersion("1.29")
	assert.True(t, older.Before(v))
	assert.False(t, v.Before(older))
	assert.False(t, Version{}.Before(v), "the newest is older than nothing")
	for _, bad := range []string{"", "1", "x.y", "1.2.3.4", "1.-2"} {
		_, ok := ParseVersion(bad)
		assert.False(t, ok, bad)
	}
}
