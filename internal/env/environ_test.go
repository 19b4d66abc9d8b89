package env

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a container got from the checkout of then is told apart from what its image has, and from
// what every backend gets.
func TestAppAs(t *testing.T) {
	now := App{Port: 9, HealthPath: "/new", Memory: "1g", Env: map[string]string{"NEW": "1"}, Secrets: map[string]Secret{"KEY": "x"}}
	got := now.As([]string{
		"PORT=8080", "HEALTH_PATH=/readyz", "APP_ENV=prod", "APP_VERSION=v1", "LOG_LEVEL=info", "BODY_LIMIT=1", "BACKEND_TIMEOUT=5s", "DB_HOST=db", "DB_PASSWORD_FILE=/run/secrets/db_password",
		"KEY_FILE=/run/secrets/key", "CERT_FILE=/etc/cert.pem", "OWN=a=b $c", "PATH=/bin", "LANG=C", "EMPTY=",
	}, []string{"PATH=/bin", "LANG=C.UTF-8", "PORT=8080"})
	assert.Equal(t, App{Port: 8080, HealthPath: "/readyz", Memory: "1g", Secrets: now.Secrets,
		Env: map[string]string{"CERT_FILE": "/etc/cert.pem", "OWN": "a=b $c", "LANG": "C", "EMPTY": ""}}, got)
	assert.Equal(t, map[string]string{"NEW": "1"}, now.Env, "the settings of now stay as they are")
}

// Every variable of app.yaml is known here, so that none is taken for the user's own.
func TestAppAsKnowsTheVariablesOfCompose(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "compose", "app.yaml"))
	require.NoError(t, err)
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^      ([A-Z][A-Z_]+): (.*)$`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1]+"="+m[2])
	}
	require.Greater(t, len(all), 15)
	assert.Empty(t, App{}.As(all, nil).Env)
}
