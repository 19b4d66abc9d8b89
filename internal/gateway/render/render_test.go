package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

func values(t testing.TB, environ ...string) Values {
	t.Helper()
	v, err := FromEnviron(lookup(environ...))
	require.NoError(t, err)
	return v
}

func lookup(environ ...string) func(string) string {
	m := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		m[name] = value
	}
	return func(name string) string { return m[name] }
}

func text(t testing.TB, v Values, s State) string {
	t.Helper()
	files, err := Files(v, s)
	require.NoError(t, err)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, PartsDir+"/") {
			continue
		}
		b.WriteString("-- " + name + " --\n")
		b.Write(files[name])
	}
	return b.String()
}

func TestFiles(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		state   State
	}{
		"plain": {nil, State{Generation: 1, Active: Blue}},
		"dev":   {[]string{"APP_ENV=dev", "TLS=local", "FRONTEND_PORT=3000"}, State{Generation: 7, Active: Green, Certificate: true}},
		"full": {[]string{"DOMAIN=example.com, www.example.com", "TLS=acme", "HTTP_REDIRECT=true", "HTTPS_PORT=8443", "HSTS=8760h",
			"RATE_LIMIT=20", "CONNECTION_LIMIT=30", "TRUSTED_PROXIES=10.1.2.3, fd00::/8", "LOG_QUERY=off", "LOG_MASK=a,b", "WORKERS=2",
			"BODY_LIMIT=1g", "HEADER_LIMIT=32k", "BACKEND_TIMEOUT=90s", "STREAM_TIMEOUT=2h", "TLS_PROFILE=modern", "FRONTEND_ASSETS=/_next/static/"},
			State{Generation: 12, Active: Blue, Canary: Canary{Percent: 10}, Certificate: true}},
		"waiting": {[]string{"DOMAIN=example.com", "TLS=acme", "HTTP_REDIRECT=true"}, State{Generation: 1, Active: Blue}},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.Golden(t, name+".conf", []byte(text(t, values(t, c.environ...), c.state)))
		})
	}
}

// Each part of the clients is said to get the colour that the configuration gives it.
func TestPartsAreThoseOfTheConfiguration(t *testing.T) {
	for _, s := range []State{{Active: Blue}, {Active: Green}, {Active: Blue, Canary: Canary{Percent: 1}}, {Active: Green, Canary: Canary{Percent: 99}}} {
		files, err := Files(values(t), s)
		require.NoError(t, err)
		given := strings.Split(string(files["colours.conf"]), "map $client_part")[1]
		for i := range 100 {
			part := fmt.Sprintf("%02d", i)
			want, other := s.Active, s.Active.Other()
			if i < s.Canary.Percent {
				want, other = other, want
			}
			assert.Contains(t, files, "parts/"+string(want)+"/"+part)
			assert.NotContains(t, files, "parts/"+string(other)+"/"+part)
			assert.Equal(t, i < s.Canary.Percent, strings.Contains(given, "\n    "+part+" "), part)
		}
	}
}

func TestEveryProblemAtOnce(t *testing.T) {
	bad := map[string]string{
		"APP_ENV": "staging", "ACTIVE_COLOUR": "red", "BACKEND_PORT": "80;", "FRONTEND_PORT": "70000", "BODY_LIMIT": "10m;}",
		"TRUSTED_PROXIES": "a;b", "DOMAIN": "exa_mple;", "TLS": "on", "TLS_PROFILE": "old", "HTTP_REDIRECT": "yes", "HSTS": "1y",
		"RATE_LIMIT": "-1", "BACKEND_TIMEOUT": "60", "FRONTEND_ASSETS": "/assets", "LOG_QUERY": "some", "LOG_MASK": `a"b`, "WORKERS": "0",
		"BACKEND_HEALTH_PATH": "/x y", "CONNECTION_LIMIT": "x", "RATE_BURST": "1e3", "HTTPS_PORT": "0", "STREAM_TIMEOUT": "9999h", "HEADER_LIMIT": "128k",
	}
	_, err := FromEnviron(func(name string) string { return bad[name] })
	var problems Problems
	require.ErrorAs(t, err, &problems)
	for name := range bad {
		assert.Contains(t, err.Error(), name)
	}
	assert.Len(t, problems, len(bad))

	for _, c := range []struct{ environ, want string }{
		{"BACKEND_PORT=9180", "BACKEND_PORT"},
		{"TLS=acme", "DOMAIN"},
		{"HTTP_REDIRECT=true", "TLS is off"},
	} {
		_, err := FromEnviron(lookup(c.environ))
		assert.ErrorContains(t, err, c.want, c.environ)
	}
}

func TestHeaderLimitsThatNginxCanKeep(t *testing.T) {
	for size, fits := range map[string]bool{"1k": true, "1024": true, "16K": true, "65536": true, "64k": true, "1023": false, "0": false, "65k": false, "65537": false, "1m": false, "999999999g": false, "k": false} {
		v, err := FromEnviron(lookup("HEADER_LIMIT=" + size))
		if fits && assert.NoError(t, err, size) {
			assert.Equal(t, size, v.HeaderLimit)
		} else if !fits {
			assert.ErrorContains(t, err, "HEADER_LIMIT", size)
		}
	}
}

func TestRefusesAStateThatCannotBe(t *testing.T) {
	v := values(t)
	for _, s := range []State{{Active: "red"}, {}, {Active: Blue, Canary: Canary{Percent: 100}}, {Active: Blue, Canary: Canary{Percent: -1}}} {
		_, err := Files(v, s)
		assert.Error(t, err, "%+v", s)
	}
	assert.Equal(t, Green, Blue.Other())
	assert.Equal(t, Blue, Green.Other())
}

// keys are the variables that reach a template as text.
var keys = []string{"BODY_LIMIT", "HEADER_LIMIT", "TRUSTED_PROXIES", "DOMAIN", "FRONTEND_ASSETS", "LOG_MASK", "BACKEND_PORT", "BACKEND_TIMEOUT"}

// Whatever a variable holds: it is refused, or it stays one argument of its directive and
// cannot add another directive or end a block.
func FuzzNoValueAddsADirective(f *testing.F) {
	for _, value := range []string{"10m", "10m;}", "10.0.0.0/8", "a.example", "/assets/", "x; return 200", "{", "\"", "$host", "\\", "#", "a b", "'", "\n", "/a/${b}/"} {
		f.Add(value)
	}
	state := State{Generation: 1, Active: Blue, Certificate: true}
	plain := shape(text(f, values(f, "TLS=files"), state))
	f.Fuzz(func(t *testing.T, value string) {
		for _, key := range keys {
			v, err := FromEnviron(lookup("TLS=files", key+"="+value))
			if err != nil {
				continue
			}
			got := shape(text(t, v, state))
			if key == "DOMAIN" || key == "TRUSTED_PROXIES" || key == "FRONTEND_ASSETS" || key == "BACKEND_PORT" {
				// These add lines of our own; the lines must be whole.
				assert.Zero(t, strings.Count(got, "{")-strings.Count(got, "}"), "%s=%q", key, value)
				assert.NotContains(t, value, ";")
				continue
			}
			assert.Equal(t, plain, got, "%s=%q", key, value)
		}
	})
}

// shape is what nginx sees of a text besides words: the characters that end directives,
// and open and close blocks, outside of quotes and comments.
func shape(conf string) string {
	var b strings.Builder
	for line := range strings.Lines(conf) {
		quote := rune(0)
		for _, c := range line {
			switch {
			case quote != 0:
				if c == quote {
					quote = 0
				}
				continue
			case c == '"' || c == '\'':
				quote = c
				continue
			case c == '#':
			}
			if c == '#' {
				break
			}
			if strings.ContainsRune(";{}", c) {
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}
