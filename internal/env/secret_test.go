package env

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const canary = "canary-S3cret"

// leaks reports whether a text has the canary, also in hexadecimal or quoted
// byte by byte.
func leaks(text string) bool {
	lower := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	return strings.Contains(text, canary) || strings.Contains(lower, strings.ToLower(fmt.Sprintf("%x", canary))) || strings.Contains(lower, "9997110")
}

func TestSecretIsNeverPrinted(t *testing.T) {
	type holder struct {
		Password Secret
		Pointer  *Secret
		List     []Secret
		Map      map[string]Secret
	}
	s := Secret(canary)
	h := holder{s, &s, []Secret{s}, map[string]Secret{"k": s}}
	for _, value := range []any{s, &s, h, &h, []Secret{s}, [1]Secret{s}, map[string]Secret{"k": s}, any(s), []any{s}, struct{ App }{App{Secrets: h.Map}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%e", "%f", "%g", "%t", "%T", "%20s", "%-5.2q", "%z"} {
			got := fmt.Sprintf(verb, value)
			assert.False(t, leaks(got), "%s: %s", verb, got)
		}
		assert.False(t, leaks(fmt.Sprint(value)+fmt.Sprintln(value)+fmt.Errorf("%w", fmt.Errorf("x %v", value)).Error()))

		doc, err := json.Marshal(value)
		require.NoError(t, err)
		assert.False(t, leaks(string(doc)))
		text, err := yaml.Marshal(value)
		require.NoError(t, err)
		assert.False(t, leaks(string(text)), string(text))

		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("m", "k", value, slog.Any("l", value))
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "k", value)
		require.NoError(t, template.Must(template.New("").Parse("{{.}} {{printf \"%s\" .}}")).Execute(&b, value))
		assert.False(t, leaks(b.String()), b.String())
	}
	doc, err := xml.Marshal(s)
	require.NoError(t, err)
	assert.False(t, leaks(string(doc)))
	assert.Equal(t, "****", s.String())
	assert.Equal(t, "****", Secret("").String(), "the mask does not tell whether there is one")
	assert.Equal(t, canary, s.Reveal())
}

// No output of the package has a secret's value, wherever it came from: right,
// wrong, in a file, in the process environment, or in the password of a URL.
func TestNoOutputHasASecret(t *testing.T) {
	root := checkout(t, map[string]string{
		".env.prod.local": "DB_PASSWORD=" + canary + "\nBACKEND_SECRET_KEY=" + canary + "\nREGISTRY_PASSWORD='" + canary + "\n'\nBACKEND_SECRET_DB_PASSWORD=" + canary + "\n",
		"redis":           canary + "\n" + canary,
		".env":            "HTTP_PROXY=http://me:" + canary + "@proxy:3128\nGOPROXY=https://u:" + canary + "@a/b@c,https://u:" + canary + "@b|direct\nNPM_REGISTRY=ftp://u:" + canary + "@x\n",
	})
	src := source(root, "prod", "REDIS_PASSWORD_FILE=redis", "FRONTEND_SECRET_KEY="+canary+"\xff", "HTTPS_PROXY=me:"+canary+"@proxy:1", "https_proxy=x:"+canary+"@y:1")
	var out bytes.Buffer
	for _, format := range []string{"text", "json"} {
		one := src
		one.Environ = append([]string{"FORMAT=" + format}, src.Environ...)
		var p *Problems
		require.ErrorAs(t, Show(&out, one), &p)
		require.ErrorAs(t, Check(&out, one), &p)
		fmt.Fprintln(&out, p.Error())
		require.NoError(t, Diff(&out, one, "dev", "prod"))
		fmt.Fprintf(&out, "%v %v", GenerateMissing(&out, one), errors.Unwrap(p))
	}
	r := resolve(src)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{r.settings, *r.settings, r.settings.Backend, r.settings.Build, struct{ S Settings }{*r.settings}} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	doc, err := json.Marshal(r.settings)
	require.NoError(t, err)
	out.Write(doc)
	assert.Contains(t, r.settings.Build.HTTPProxy, canary, "a build gets the password all the same")
	for _, name := range r.settings.Environ() {
		if !strings.Contains(name, "_PROXY=") && !strings.HasPrefix(name, "GOPROXY=") && !strings.HasPrefix(name, "NPM_REGISTRY=") {
			fmt.Fprintln(&out, name)
		}
	}
	for i, line := range strings.Split(out.String(), "\n") {
		assert.False(t, leaks(line), "line %d: %s", i, line)
	}
}

func TestMaskURL(t *testing.T) {
	for value, want := range map[string]string{
		"http://me:pw@proxy:1/x":                "http://me:****@proxy:1/x",
		"http://me@proxy":                       "http://me@proxy",
		"http://:pw@proxy":                      "http://:****@proxy",
		"https://a:p@x,https://b:q@y|direct":    "https://a:****@x,https://b:****@y|direct",
		"https://a:p@x@y/z@":                    "https://a:****@y/z@",
		"http://x:80/a@b":                       "http://x:80/a@b",
		"debian:trixie-slim@sha256:abc":         "debian:trixie-slim@sha256:abc",
		"http://x/a@b:c":                        "http://x/a@b:c",
		"http://me:p%zz@x":                      "http://me:****@x",
		"plain":                                 "plain",
		"http://a:p,w@x":                        "http://a:****@x",
		"https://proxy.golang.org,https://x@y/": "https://proxy.golang.org,https://x@y/",
	} {
		assert.Equal(t, want, maskURL(value), value)
	}
	proxy := byName()["HTTP_PROXY"]
	assert.Equal(t, "me:****@proxy:1", proxy.masked("me:pw@proxy:1"))
	assert.Equal(t, `"http://me:****@x"`, proxy.wrong("http://me:p/w@x@x"))
	assert.Equal(t, `"a\nb"`, proxy.wrong("a\nb"))
}
