package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// Compose 2.26 leaves a container as it is whose volume has another name now: a secret that was changed never
// reached it. A label with that name changes the service.
func TestAServiceIsMadeAnewWithItsSecrets(t *testing.T) {
	s := settings(t, "RPO=zero") // the guard, too
	type file struct {
		Services map[string]struct {
			Volumes []any
			Labels  map[string]string
		}
		Volumes map[string]struct{ Name string }
	}
	names, labels, reads := map[string]string{}, map[string]string{}, map[string]string{}
	for _, path := range append(Base(s, Values{}).Files, App(s, Values{Colour: Blue}).Files...) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var f file
		require.NoError(t, yaml.Unmarshal(text, &f), filepath.Base(path))
		for key, v := range f.Volumes {
			if v.Name != "" {
				names[key] = v.Name
			}
		}
		for service, one := range f.Services {
			for _, v := range one.Volumes {
				if text, short := v.(string); short && strings.HasSuffix(text, ":/run/secrets:ro") {
					reads[service] = strings.TrimSuffix(text, ":/run/secrets:ro")
				}
			}
			if l := one.Labels["drydock.secrets.volume"]; l != "" {
				labels[service] = l
			}
		}
	}
	want := map[string]string{}
	for service, key := range reads {
		want[service] = names[key]
	}
	assert.Equal(t, want, labels)
	for _, service := range append(BaseServices(s), "backend", "frontend") {
		assert.Contains(t, want, service)
	}
}
