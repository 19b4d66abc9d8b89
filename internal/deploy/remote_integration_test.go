//go:build integration

package deploy

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

// A release for another engine: made here, sent there without a registry, only what is
// missing; its secrets are there, and nothing of it names a path of this machine.
func TestReleaseForAnotherEngine(t *testing.T) {
	host := testkit.NewHost(t).Address()
	var said bytes.Buffer
	s, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", ReadOnly: true, Environ: []string{
		"HOME=" + os.Getenv("HOME"), "PATH=" + os.Getenv("PATH"), "PROJECT=" + testkit.Name(t, "remote"), "TLS=off",
		"DB_PASSWORD=a-password-of-the-database-1", "REDIS_PASSWORD=a-password-of-redis-1",
		"DOCKER_HOST=" + host, "BUILD_HOST=" + testkit.Engine(t).Host()}})
	require.NoError(t, err)
	st, err := stack.Open(t.Context(), s, strings.NewReader(""), &said, &said)
	require.NoError(t, err)
	defer func() { require.NoError(t, st.Close()) }()
	require.NotNil(t, st.Builder)
	d := &Deployer{Stack: st}

	w, err := d.target(t.Context())
	require.NoError(t, err, "%s", &said)
	refs := w.values.Refs
	for _, ref := range []string{refs.Backend, refs.Frontend, refs.Gateway, refs.DB, refs.Redis} {
		here, err := st.Builder.Image(t.Context(), ref)
		require.NoError(t, err)
		there, err := st.Engine.Image(t.Context(), ref)
		require.NoError(t, err)
		assert.Equal(t, here.ID, there.ID, ref)
	}
	bases, err := st.Engine.Images(t.Context(), engine.Filter{Names: []string{"*/root-*", "*/go-*", "*/nginx-base"}})
	require.NoError(t, err)
	assert.Empty(t, bases, "what only builds need stays here")
	secrets, err := st.Engine.ReadVolumeFile(t.Context(), refs.Redis, w.values.BackendSecrets, "db_password")
	require.NoError(t, err)
	assert.Equal(t, "a-password-of-the-database-1", string(secrets))

	sent, err := image.Ship(t.Context(), st.Builder, st.Engine, []string{refs.Backend, refs.Frontend}, image.ShipOptions{})
	require.NoError(t, err)
	for _, x := range sent {
		assert.Equal(t, image.StatusUnchanged, x.Status, "%+v", x)
	}
	// In prod nothing of this machine is in what compose gets for the apps.
	s.Mode = env.Prod
	w.journal.To = compose.Green
	config, err := st.Runner().Config(t.Context(), compose.App(s, w.releaseValues()))
	require.NoError(t, err)
	assert.NotContains(t, string(config), "type: bind")
}
