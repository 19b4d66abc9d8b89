package compose

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/testkit"
)

func settings(t *testing.T, more ...string) *env.Settings {
	t.Helper()
	s, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", ReadOnly: true, Environ: append([]string{"HOME=/nowhere"}, more...)})
	require.NoError(t, err)
	return s
}

func names(p Project) (list []string) {
	for _, f := range p.Files {
		list = append(list, filepath.Base(f))
	}
	return list
}

func TestProjectsHaveTheFilesOfTheirMode(t *testing.T) {
	s := settings(t)
	assert.Equal(t, []string{"data.yaml", "gateway.yaml", "backup.yaml", "gateway.tls.yaml", "data.dev.yaml"}, names(Base(s, Values{Colour: Blue})))
	app := App(s, Values{Colour: Green, Live: Live{Backend: true}})
	assert.Equal(t, s.Project+"-green", app.Name)
	assert.Equal(t, []string{"app.yaml", "backend.dev.yaml"}, names(app))

	s.Mode, s.Gateway.TLS = env.Prod, "off"
	assert.Equal(t, []string{"data.yaml", "gateway.yaml", "backup.yaml"}, names(Base(s, Values{Colour: Blue})))
	assert.Equal(t, []string{"app.yaml"}, names(App(s, Values{Colour: Blue})))

	// The guard of RPO=zero; nobody receives the log of a scratch stack.
	assert.NotContains(t, BaseServices(s), "guard")
	s.Backup.RPO.Goal = env.RPOZero
	assert.Contains(t, BaseServices(s), "guard")
	assert.Contains(t, names(Base(s, Values{Colour: Blue})), "guard.yaml")
	assert.NotContains(t, names(Base(s, Values{Colour: Blue, Isolated: true})), "guard.yaml")
	assert.NotContains(t, string(Base(s, Values{Colour: Blue, Isolated: true, Labels: map[string]string{"a": "b"}}).Override), "guard")
}

func TestUserVariablesComeByNameOnly(t *testing.T) {
	s := settings(t, "BACKEND_ENV_PATH=/a:$b", "BACKEND_ENV_FOO=${X}", "FRONTEND_ENV_DOCKER_HOST=tcp://x", "BACKEND_SECRET_API_KEY=long enough for a secret")
	p := App(s, Values{Colour: Blue, Labels: map[string]string{"drydock.test": "a$b"}})
	assert.Equal(t, `# Generated from the settings; changes are lost.
services:
  backend:
    environment:
      API_KEY_FILE: ${DRYDOCK_BACKEND_ENV_API_KEY_FILE}
      FOO: ${DRYDOCK_BACKEND_ENV_FOO}
      PATH: ${DRYDOCK_BACKEND_ENV_PATH}
    labels:
      drydock.test: a$$b
  frontend:
    environment:
      DOCKER_HOST: ${DRYDOCK_FRONTEND_ENV_DOCKER_HOST}
    labels:
      drydock.test: a$$b
  migrate:
    environment:
      API_KEY_FILE: ${DRYDOCK_BACKEND_ENV_API_KEY_FILE}
      FOO: ${DRYDOCK_BACKEND_ENV_FOO}
      MIGRATE_LOCK_TIMEOUT: ${MIGRATE_LOCK_TIMEOUT}
      PATH: ${DRYDOCK_BACKEND_ENV_PATH}
    labels:
      drydock.test: a$$b
`, string(p.Override))
	assert.Contains(t, p.Env, "DRYDOCK_BACKEND_ENV_FOO=${X}")
	assert.Contains(t, p.Env, "DRYDOCK_BACKEND_ENV_PATH=/a:$b")
	for _, kv := range p.Env {
		assert.NotContains(t, kv, "long enough for a secret")
	}
	// What a user's variable is called must not change what compose itself does.
	assert.False(t, slices.ContainsFunc(p.Env, func(kv string) bool { return kv == "PATH=/a:$b" || kv == "DOCKER_HOST=tcp://x" }))
}
