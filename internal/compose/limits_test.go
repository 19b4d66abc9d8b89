package compose

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"drydock/internal/env"
)

// composedEnvironment is what a service gets: the files' environment, with the values in its place that
// compose puts there.
func composedEnvironment(t *testing.T, p Project, service string) map[string]string {
	t.Helper()
	values := env.Variables(p.Env)
	form := regexp.MustCompile(`\$\{([A-Z_]+)(?::?-([^}]*))?\}`)
	all := map[string]string{}
	for _, name := range p.Files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var file struct {
			Services map[string]struct {
				Environment map[string]string
			}
		}
		require.NoError(t, yaml.Unmarshal(text, &file), filepath.Base(name))
		for name, value := range file.Services[service].Environment {
			all[name] = form.ReplaceAllStringFunc(value, func(reference string) string {
				parts := form.FindStringSubmatch(reference)
				if v, ok := values[parts[1]]; ok && v != "" {
					return v
				}
				return parts[2]
			})
		}
	}
	return all
}

// nginx-proxy 912: a limit that only the proxy knew. One setting moves it for both, each in the form that it
// reads. The values differ from every default, which would agree without any wiring.
func TestOneSettingMovesALimitEverywhere(t *testing.T) {
	for _, c := range []struct{ body, bytes, timeout, seconds string }{
		{"3m", "3145728", "7s", "7s"},
		{"512k", "524288", "1m30s", "90s"},
		{"0", "0", "1500ms", "1.5s"},
		{"2G", "2147483648", "24h", "86400s"},
	} {
		s := settings(t, "BODY_LIMIT="+c.body, "BACKEND_TIMEOUT="+c.timeout)
		gateway := composedEnvironment(t, Base(s, Values{Colour: Blue}), "gateway")
		assert.Equal(t, c.body, gateway["BODY_LIMIT"])
		assert.Equal(t, c.timeout, gateway["BACKEND_TIMEOUT"])
		for _, colour := range []Colour{Blue, Green} {
			for _, live := range []bool{false, true} {
				backend := composedEnvironment(t, App(s, Values{Colour: colour, Live: Live{Backend: live}}), "backend")
				assert.Equal(t, c.bytes, backend["BODY_LIMIT"])
				assert.Equal(t, c.seconds, backend["BACKEND_TIMEOUT"])
			}
		}
	}
}
