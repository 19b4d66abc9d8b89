//go:build integration

package gateway_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
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
	for _, dir := range []string{"nginx", "docker", "env", "compose", "cmd", "internal/aside", "internal/gateway"} {
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

// The configuration that ships has no error of the linter's, in any environment and with
// the stack around it; a fault that nginx accepts is found.
func TestLintOfWhatShips(t *testing.T) {
	t.Parallel()
	o := newOperator(t, testkit.Project(t, "op"))
	require.NoError(t, o.Lint(t.Context()), "%s", &o.out)

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
