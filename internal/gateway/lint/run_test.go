package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/lint"
)

func files(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fsys
}

func run(t testing.TB, fsys fstest.MapFS) []lint.Finding {
	t.Helper()
	found, err := lint.Run(lint.Input{Root: ".", FS: fsys})
	require.NoError(t, err)
	return found
}

func brief(list []lint.Finding) []string {
	out := []string{}
	for _, f := range list {
		out = append(out, fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Rule))
	}
	return out
}

func TestASnippetIsReportedOnce(t *testing.T) {
	var site strings.Builder
	site.WriteString("server {\n listen 80 default_server;\n")
	for i := range 10 {
		fmt.Fprintf(&site, " location /x%d/ {\n  include snippet.inc;\n }\n", i)
	}
	site.WriteString("}\n")
	found := run(t, files("site.conf", site.String(), "snippet.inc", "autoindex on;\nalias /srv/;\n"))
	assert.Equal(t, []string{"snippet.inc:1 autoindex"}, brief(found))
}

func TestASyntaxErrorIsOneFinding(t *testing.T) {
	for name, c := range map[string]struct {
		text, message string
		line          int
	}{
		"no semicolon at the end of a block": {"events {}\nhttp {\n  server_tokens off\n}\n", `the directive "server_tokens" is not ended by ";"`, 3},
		"no semicolon at the end":            {"events {}\nuser nginx", `the directive "user" is not ended by ";"`, 2},
		"no closing brace":                   {"events {}\nhttp {\n  server {\n    listen 80;\n  }\n", `the block that begins here has no closing "}"`, 2},
		"one brace too many":                 {"events {}\n}\n", `unexpected "}"`, 2},
		"two semicolons":                     {"events {}\nuser nginx;;\n", `unexpected ";"`, 2},
		"a block without a name":             {"events {}\n{ }\n", `unexpected "{"`, 2},
		"a swallowed block":                  {"events {}\nhttp {\n  sendfile on\n  server {\n }\n}\n", `the directive "sendfile" is not ended by ";", or has a block that it cannot have`, 3},
		"a quote that is not closed":         {"events {}\nhttp {\n add_header X \"abc;\n}\n", `the directive "add_header" is not ended by ";"`, 3},
		"a block in a map":                   {"events {}\nhttp {\n map $a $b {\n  x { y z; }\n }\n}\n", `unexpected "{"`, 4},
		"nested without end":                 {"events {}\n" + strings.Repeat("x {", 5000) + strings.Repeat("}", 5000), "blocks are nested deeper than 100", 2},
	} {
		t.Run(name, func(t *testing.T) {
			found := run(t, files("nginx.conf", c.text))
			require.Len(t, found, 1, "%v", found)
			assert.Equal(t, "syntax", found[0].Rule)
			assert.Equal(t, c.message, found[0].Message)
			assert.Equal(t, c.line, found[0].Line)
			assert.Equal(t, strings.Split(c.text, "\n")[c.line-1], found[0].Text)
		})
	}
}

func TestIncludeLoopsEnd(t *testing.T) {
	found := run(t, files("nginx.conf", "events {}\nhttp { include a.inc; }\n", "a.inc", "\ninclude b.inc;\n", "b.inc", "include a.inc;\n"))
	require.Len(t, found, 1)
	assert.Equal(t, "b.inc:1: a.inc includes itself: nginx.conf > a.inc > b.inc > a.inc", fmt.Sprintf("%s:%d: %s", found[0].File, found[0].Line, found[0].Message))

	// Each file twice into the next: 2^30 lines, if one let it.
	pairs := []string{"nginx.conf", "events {}\nhttp { include 0.inc; }\n", "30.inc", "gzip off;\n"}
	for i := range 30 {
		pairs = append(pairs, fmt.Sprintf("%d.inc", i), fmt.Sprintf("include %d.inc;\ninclude %d.inc;\n", i+1, i+1))
	}
	start := processorTime(t)
	found = run(t, files(pairs...))
	require.NotEmpty(t, found)
	assert.Equal(t, "syntax", found[0].Rule)
	assert.Less(t, processorTime(t)-start, 10*time.Second)
}

// Variables that refer to each other, or to two of the next, over and over.
func TestTangledVariablesEnd(t *testing.T) {
	var b strings.Builder
	b.WriteString("events {}\nhttp {\n map $v0 $v0 { default $v0$v0; a $v1; }\n map $w1 $w2 { default $w1; }\n map $w2 $w1 { default $w2; }\n")
	for i := range 60 {
		fmt.Fprintf(&b, " map $v%d $v%d { default $v%d$v%d; ~(.) $1$v%d; a $v%d; b $v%d$w1; }\n", i+1, i, i+1, i+1, i+1, i+1, i+1)
	}
	b.WriteString(" server { listen 80; location / { add_header X $v0; proxy_set_header Host $v0; proxy_pass http://$v0; if ($v0) { return 301 $v0; } } }\n}\n")
	start := processorTime(t)
	run(t, files("nginx.conf", b.String()))
	assert.Less(t, processorTime(t)-start, 2*time.Second)
}

func TestIgnore(t *testing.T) {
	site := func(before, same string) fstest.MapFS {
		return files("site.conf", "server {\n listen 80 default_server;\n location /x/ {\n  alias /srv/;\n"+before+"  autoindex on;"+same+"\n }\n}\n")
	}
	assert.Equal(t, []string{"site.conf:5 autoindex"}, brief(run(t, site("", ""))))
	assert.Empty(t, brief(run(t, site("", " # drydock:ignore autoindex it is a mirror"))))
	assert.Empty(t, brief(run(t, site("  # drydock:ignore autoindex it is a mirror\n", ""))))
	assert.Empty(t, brief(run(t, site("  # drydock:ignore autoindex it is a mirror\n  # and people browse it\n\n", ""))), "the next directive counts")
	assert.Equal(t, []string{"site.conf:5 autoindex", "site.conf:5 ignore-comment"}, brief(run(t, site("", " # drydock:ignore autoindex"))))
	assert.Equal(t, []string{"site.conf:5 autoindex", "site.conf:5 ignore-comment"}, brief(run(t, site("", " # drydock:ignore alias-slash other"))))
	assert.Equal(t, []string{"site.conf:5 autoindex"}, brief(run(t, site("", " # drydock:ignored autoindex x"))), "another word")
}

// A file that is rendered for some settings only says for the block that it is included in what
// would be wrong of a comment before the block with the others.
func TestIgnoreAtTheHeadOfAnIncludedFile(t *testing.T) {
	const comment = "# drydock:ignore rate-limit-missing nobody is limited\n"
	look := func(included string) (rules []string) {
		for _, f := range run(t, files(
			"nginx.conf", "events {}\nhttp {\n include run/limits.conf;\n server {\n  listen 80 default_server;\n  location / {\n   proxy_pass http://127.0.0.1:1;\n  }\n }\n}\n",
			"run/limits.conf", included)) {
			if f.Rule == "rate-limit-missing" || f.Rule == "ignore-comment" {
				rules = append(rules, fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Rule))
			}
		}
		return rules
	}
	const missing = "nginx.conf:2 rate-limit-missing"
	assert.Equal(t, []string{missing}, look("etag on;\n"))
	assert.Empty(t, look(comment+"etag on;\n"))
	assert.Empty(t, look("# Limits.\n"+comment+"# More.\netag on;\n"), "before every directive")
	assert.Equal(t, []string{missing, "run/limits.conf:2 ignore-comment"}, look("etag on;\n"+comment+"aio off;\n"), "in the middle it is about what follows")
	assert.Equal(t, []string{missing, "run/limits.conf:1 ignore-comment"}, look("etag on; "+comment), "on a directive's line it is about that")
	assert.Equal(t, []string{"run/limits.conf:1 ignore-comment"}, look(comment+"limit_conn_zone $binary_remote_addr zone=a:1m;\nlimit_conn a 9;\n"), "with a limit it silences nothing")
}

func TestMultilineDirectiveIsIgnoredAtItsEnd(t *testing.T) {
	found := run(t, files("site.conf", "server {\n listen 80 default_server;\n gzip on; gzip_vary on; gzip_proxied any;\n gzip_types text/css\n   text/plain; # drydock:ignore gzip-types there are no scripts\n return 204;\n}\n"))
	assert.Empty(t, brief(found))
}

func TestRootMayBeAFolderAFileOrSnippets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	main := write("etc/main.conf", "events {}\nhttp {\n include /etc/nginx/conf.d/*.conf;\n}\n")
	write("etc/conf.d/a.conf", "server {\n listen 80;\n location /x/ { alias /srv/; autoindex on; }\n}\n")
	has := func(root, want string) {
		t.Helper()
		found, err := lint.Run(lint.Input{Root: root})
		require.NoError(t, err)
		assert.Contains(t, brief(found), want)
	}
	has(filepath.Join(dir, "etc"), "conf.d/a.conf:3 autoindex")
	has(main, "conf.d/a.conf:3 autoindex")
	has(filepath.Join(dir, "etc", "conf.d"), "a.conf:3 autoindex")

	found, err := lint.Run(lint.Input{Root: filepath.Join(dir, "etc", "conf.d")})
	require.NoError(t, err)
	for _, f := range found {
		assert.NotContains(t, []string{"limits-missing", "server-tokens", "worker-shutdown-timeout", "rate-limit-missing"}, f.Rule, "the http block was not seen")
	}

	_, err = lint.Run(lint.Input{Root: filepath.Join(dir, "nowhere")})
	assert.ErrorContains(t, err, "give the folder that holds nginx.conf, or the file itself")
	write("empty/readme.txt", "x")
	_, err = lint.Run(lint.Input{Root: filepath.Join(dir, "empty")})
	assert.ErrorContains(t, err, "no nginx configuration found")
	_, err = lint.Run(lint.Input{Root: dir, Version: "new"})
	assert.ErrorContains(t, err, `the nginx version "new" is not one like 1.30.6`)
}

func TestSettingsThatWereNotReadAreNotMissing(t *testing.T) {
	found := run(t, files("nginx.conf", "events {}\nhttp {\n include run/http.conf;\n server { listen 80 default_server; location / { proxy_pass http://$upstream_of_run; } }\n}\n"))
	assert.Equal(t, []string{"nginx.conf:3 include-missing", "nginx.conf:4 resolver-missing"}, brief(found))
	assert.Equal(t, lint.Warning, found[1].Severity)
}

func TestUpstreamKeepaliveByVersion(t *testing.T) {
	fsys := files("site.conf", "upstream b { server 127.0.0.1:1; }\nserver { listen 80 default_server; location / { proxy_pass http://b; } }\n")
	for version, want := range map[string][]string{
		"1.28.0": {"site.conf:1 upstream-keepalive"}, "1.29.6": {"site.conf:1 upstream-keepalive"}, "1.29.7": {}, "1.30.6": {}, "": {},
	} {
		found, err := lint.Run(lint.Input{Root: ".", FS: fsys, Version: version})
		require.NoError(t, err)
		assert.Equal(t, want, brief(found), version)
	}
}

func TestAMegabyteTakesLessThanTwoSeconds(t *testing.T) {
	var b strings.Builder
	b.WriteString("events {}\nhttp {\n")
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "  map $uri $m%d { default a; ~^/x%d/(.*)$ $1; }\n  upstream u%d { zone u%d 64k; server 10.0.0.1:80; server name%d:80 resolve; }\n", i, i, i, i, i)
		fmt.Fprintf(&b, "  server {\n    listen 80;\n    server_name s%d.example;\n    add_header X-A $m%d always;\n    location / { proxy_pass http://u%d; }\n    location ~ ^/a%d/ { add_header X-B $uri; return 301 https://x$request_uri; }\n    location ~* \\.(js|css)$ { root /srv; expires 1y; }\n  }\n", i, i, i, i)
	}
	b.WriteString("}\n")
	fsys := files("nginx.conf", b.String())
	// The processor's time: the wall's depends on what else the machine does.
	start := processorTime(t)
	found := run(t, fsys)
	took := processorTime(t) - start
	assert.NotEmpty(t, found)
	t.Logf("%d bytes, %d findings, %s", b.Len(), len(found), took)
	if !raceEnabled {
		assert.Less(t, took, 2*time.Second)
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func FuzzRun(f *testing.F) {
	paths, err := filepath.Glob("testdata/rules/*.txtar")
	require.NoError(f, err)
	for _, p := range paths {
		text, err := os.ReadFile(p)
		require.NoError(f, err)
		for _, part := range strings.Split(string(text), "\n-- ") {
			_, body, _ := strings.Cut(part, "\n")
			f.Add(body, "")
		}
	}
	for _, s := range []string{"a", "\"", "if (", "location", "include *;", "map $a $b { default", "server { listen", "content_by_lua_block {", "set_by_lua_block $x {", "\\", "${", "geo {", "}", "x\xff{\xfe;}"} {
		f.Add(s, s)
	}
	stack := &lint.Stack{Gateway: "g", Services: []lint.Service{{Name: "g", ReadOnly: true, Published: []lint.Published{{Container: 80}}}},
		Backend: lint.Backend{BodyLimit: 1, Timeout: 1, HealthPath: "/healthz"}}
	f.Fuzz(func(t *testing.T, main, other string) {
		fsys := files("nginx.conf", main, "other.conf", other, "conf.d/x.conf", other)
		for _, in := range []lint.Input{{Root: "nginx.conf", FS: fsys, Version: "1.26.0", Stack: stack}, {Root: "conf.d", FS: fsys}} {
			start := time.Now()
			found, err := lint.Run(in)
			if took := time.Since(start); took > 5*time.Second {
				t.Fatalf("%s for %d bytes", took, len(main)+len(other))
			}
			if err != nil {
				continue
			}
			for _, x := range found {
				if x.File == "" || x.Line < 1 || x.Message == "" {
					t.Fatalf("a finding without its place: %+v", x)
				}
				_ = x.String()
			}
		}
	})
}

// A location that answers with `return` does so before limits count and before anybody is asked who
// they are, so it inherits them in vain. One that passes on does not.
func TestAHealthPathThatReturnsIsNeitherLimitedNorProtected(t *testing.T) {
	look := func(answer string) (messages []string) {
		fsys := files("site.conf", "limit_conn_zone $binary_remote_addr zone=a:1m;\nserver {\n listen 8080 default_server;\n limit_conn a 9;\n auth_basic x;\n location = /healthz {\n  "+answer+"\n }\n}\n")
		found, err := lint.Run(lint.Input{Root: ".", FS: fsys, Stack: &lint.Stack{Backend: lint.Backend{HealthPath: "/healthz"}}})
		require.NoError(t, err)
		for _, f := range found {
			if f.Rule == "stack-health" {
				messages = append(messages, f.Message)
			}
		}
		return messages
	}
	assert.Empty(t, look("return 200;"))
	both := []string{"/healthz is limited: limit_conn a 9 counts for it", "/healthz is protected: auth_basic x counts for it"}
	assert.Equal(t, both, look("proxy_pass http://127.0.0.1:1;"))
	assert.Equal(t, both, look("if ($arg_x) {\n return 200;\n }\n proxy_pass http://127.0.0.1:1;"), "for some only")
}
