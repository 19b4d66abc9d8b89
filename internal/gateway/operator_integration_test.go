//go:build integration

package gateway_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/gateway"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// operator is somebody with a checkout of their own, whose gateway runs.
type operator struct {
	*gateway.Gateway
	t    *testing.T
	root string
	out  bytes.Buffer
}

func newOperator(t *testing.T, project string, options ...string) *operator {
	t.Helper()
	o := &operator{t: t, root: t.TempDir()}
	for _, dir := range []string{"nginx", "docker", "env", "compose", "cmd", "internal/aside", "internal/flock", "internal/gateway"} {
		require.NoError(t, os.CopyFS(filepath.Join(o.root, dir), os.DirFS(filepath.Join(testkit.Root(t), dir))))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(testkit.Root(t), file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(o.root, file), content, 0o644))
	}
	environ := append(os.Environ(), "PROJECT="+project, "BACKEND_IMAGE=example/backend:1", "FRONTEND_IMAGE=example/frontend:1", "MIGRATIONS=")
	src := env.Source{Root: o.root, Environ: append(environ, options...), Secretless: true, ReadOnly: true}
	// The other environment has another name; one name for both is refused.
	require.NoError(t, os.WriteFile(filepath.Join(o.root, "env", "prod.env"), []byte("MODE=prod\nPROJECT="+project+"-prod\nTLS=off\n"), 0o644))
	src.Environ = append(src.Environ[:0:0], src.Environ...)
	s, err := env.Load(env.Source{Root: o.root, Env: "dev", Environ: src.Environ, Secretless: true, ReadOnly: true})
	require.NoError(t, err)
	src.Environ = without(src.Environ, "PROJECT=")
	o.Gateway = &gateway.Gateway{Settings: s, Source: src, Engine: testkit.Engine(t), Out: &o.out, Err: os.Stderr, Labels: testkit.Labels(t)}
	return o
}

func without(environ []string, prefix string) (list []string) {
	for _, kv := range environ {
		if !strings.HasPrefix(kv, prefix) {
			list = append(list, kv)
		}
	}
	return list
}

// edit replaces text in a file of the checkout's configuration.
func (o *operator) edit(file, from, to string) {
	o.t.Helper()
	path := filepath.Join(o.root, "nginx", filepath.FromSlash(file))
	content, err := os.ReadFile(path)
	require.NoError(o.t, err)
	require.Contains(o.t, string(content), from)
	require.NoError(o.t, os.WriteFile(path, []byte(strings.ReplaceAll(string(content), from, to)), 0o644))
}

// A mistake is found before anything goes live, in every environment, with the file and
// line that a person edits; and nginx's other complaints reach the person, too.
func TestValidateShowsThePlace(t *testing.T) {
	t.Parallel()
	o := newOperator(t, testkit.Project(t, "op"))
	require.NoError(t, o.Validate(t.Context()))
	assert.Regexp(t, `dev +valid +nginx/1\.\d+`, o.out.String())
	assert.Regexp(t, `prod +valid +nginx/1\.\d+`, o.out.String())
	if o.Settings.Build.NginxImage == "" {
		// The suite's package moves on by itself, and the linter goes by the constant.
		assert.Regexp(t, `nginx/`+regexp.QuoteMeta(gateway.NginxVersion)+`\b`, o.out.String(),
			"the image has another nginx than the linter takes it for: set nginxVersion in internal/gateway/lint.go to the one above")
	}

	o.out.Reset()
	o.edit("conf.d/gzip.conf", "gzip_vary on;", "gzip_vari on;")
	err := o.Validate(t.Context())
	require.Error(t, err)
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	assert.ErrorContains(t, err, "dev, prod")
	assert.Regexp(t, `nginx/conf\.d/gzip\.conf:\d+: emerg: unknown directive "gzip_vari"`, o.out.String())
	assert.Regexp(t, `> +\d+ \| gzip_vari on;`, o.out.String())

	o.out.Reset()
	o.edit("conf.d/gzip.conf", "gzip_vari on;", "gzip_vary on;")
	o.edit("sites/app.conf", "set $entrance public;", "set $entrance public")
	require.Error(t, o.Validate(t.Context()))
	assert.Contains(t, o.out.String(), "nginx/sites/app.conf:", "a missing ; is told where the statement is")
}

// The configuration that ships leaves the linter nothing to say, in any environment and with
// the stack around it; a fault that nginx accepts is found.
func TestLintOfWhatShips(t *testing.T) {
	t.Parallel()
	o := newOperator(t, testkit.Project(t, "op"))
	require.NoError(t, o.Lint(t.Context()), "%s", &o.out)
	assert.Regexp(t, `(?m)^\d+ rules, 0 errors, 0 warnings$`, o.out.String(), "what is meant says so, with its reason")

	o.out.Reset()
	o.Settings.Options.Format = "json"
	o.edit("snippets/healthz.conf", "access_log off;", "access_log off;\n    add_header X-Own yes;")
	require.NoError(t, o.Validate(t.Context()), "nginx has nothing against it")
	o.out.Reset()
	_ = o.Lint(t.Context()) // whether it is an error or a warning is the rule's business
	var found []struct {
		Rule, File string
		Envs       []string
	}
	require.NoError(t, json.Unmarshal(o.out.Bytes(), &found))
	var rules []string
	for _, f := range found {
		if f.Rule == "header-loss" {
			assert.Equal(t, "nginx/snippets/healthz.conf", f.File)
			assert.Equal(t, []string{"dev", "prod"}, f.Envs)
		}
		rules = append(rules, f.Rule)
	}
	assert.Contains(t, rules, "header-loss", "h5bp/server-configs-nginx 193")
}

// So with what the manual recommends for prod, and with each limit of a client set.
func TestLintOfWhatShipsWithEverySetting(t *testing.T) {
	t.Parallel()
	project := testkit.Project(t, "op")
	o := newOperator(t, project)
	require.NoError(t, os.WriteFile(filepath.Join(o.root, "env", "prod.env"), []byte("MODE=prod\nPROJECT="+project+"-prod\n"+
		"DOMAIN=product.example\nTLS=acme\nHTTP_REDIRECT=true\nHSTS=8760h\n"+
		"RATE_LIMIT=20\nCONNECTION_LIMIT=30\nBODY_LIMIT=3m\nBACKEND_TIMEOUT=5s\nHEADER_LIMIT=32k\n"), 0o644))
	require.NoError(t, o.Lint(t.Context()), "%s", &o.out)
	assert.Regexp(t, `(?m)^\d+ rules, 0 errors, 0 warnings$`, o.out.String())
}

// The gateway's limits are held against what the backend's container gets, here from the user's own variables.
func TestLintSeesThatLimitsDisagree(t *testing.T) {
	t.Parallel()
	o := newOperator(t, testkit.Project(t, "op"), "BACKEND_ENV_BACKEND_TIMEOUT=120s", "BACKEND_ENV_BODY_LIMIT=1048576")
	err := o.Lint(t.Context())
	assert.Equal(t, run.CodeBadInput, run.Code(err), "%v", err)
	assert.Contains(t, o.out.String(), "the gateway waits 1m0s, the backend works up to 2m0s")
	assert.Contains(t, o.out.String(), "the gateway takes bodies up to 10m, the backend 1m")
}

// Any nginx folder can be looked at: a whole one, a file, or snippets alone; nothing of this
// project is needed for it.
func TestLintAndRoutesOfAnyFolder(t *testing.T) {
	t.Parallel()
	o := newOperator(t, testkit.Project(t, "op"))
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	main := write("etc/nginx.conf", "worker_shutdown_timeout 5m;\nevents {}\nhttp {\n    include /etc/nginx/sites/*.conf;\n}\n")
	write("etc/sites/shop.conf", "server {\n    listen 80 default_server;\n    location /files {\n        alias /srv/files/;\n    }\n    location /api/ {\n        proxy_pass http://127.0.0.1:9000;\n    }\n}\n")
	for _, conf := range []string{filepath.Dir(main), main, filepath.Join(dir, "etc", "sites"), filepath.Join(dir, "etc", "sites", "shop.conf")} {
		o.out.Reset()
		o.Settings.Options.Conf = conf
		err := o.Lint(t.Context())
		assert.Equal(t, run.CodeBadInput, run.Code(err), conf)
		assert.Regexp(t, `shop\.conf:[34]: error: .*\[alias-traversal\]`, o.out.String(), conf)
		assert.NotContains(t, o.out.String(), "dev", "no environment is meant")
	}
	o.Settings.Options.Conf, o.Settings.Options.Route = main, "/api/x?y=1"
	o.out.Reset()
	require.NoError(t, o.Routes(t.Context()))
	assert.Contains(t, o.out.String(), "127.0.0.1:9000")
	assert.Contains(t, o.out.String(), "/api/x?y=1")
	o.Settings.Options.Route = ""
	o.out.Reset()
	require.NoError(t, o.Routes(t.Context()))
	assert.Contains(t, o.out.String(), "/files")

	o.Settings.Options.Conf = filepath.Join(dir, "none")
	for _, err := range []error{o.Lint(t.Context()), o.Routes(t.Context())} {
		require.Error(t, err)
		assert.ErrorContains(t, err, filepath.Join(dir, "none"))
		assert.Equal(t, run.CodeBadInput, run.Code(err), "%v", err)
	}
}

func TestRouteIsExplained(t *testing.T) {
	t.Parallel()
	o := newOperator(t, testkit.Project(t, "op"))
	o.Settings.Options.Route = "/api/x?y=1"
	require.NoError(t, o.Routes(t.Context()))
	assert.Contains(t, o.out.String(), "gets /api/x?y=1")
	o.out.Reset()
	o.Settings.Options.Route = "https://shop.test/.env"
	require.NoError(t, o.Routes(t.Context()))
	assert.Contains(t, o.out.String(), "404")
	o.Settings.Options.Route = "shop.test/x"
	err := o.Routes(t.Context())
	require.Error(t, err)
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}
