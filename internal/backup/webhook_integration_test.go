//go:build integration

package backup

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/notify"
	"drydock/internal/testkit"
)

// The service's own messages leave its container by way of the proxy that is set, with its password,
// to a name that nobody but the proxy knows.
func TestTheServiceTellsByWayOfAProxy(t *testing.T) {
	settings, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", Environ: os.Environ(), ReadOnly: true})
	require.NoError(t, err)
	e := testkit.Engine(t)
	list, err := image.Build(t.Context(), image.BuildOptions{Settings: settings, Engine: e, Err: os.Stderr, Names: []string{image.Backup}, Stage: image.StageProd})
	require.NoError(t, err)
	network, secrets := testkit.Network(t, false), testkit.Volume(t).Name
	require.NotEmpty(t, network.Gateways)

	type message struct {
		To, Password string
		Event        notify.Event
	}
	asked := make(chan message, 10)
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m := message{To: r.URL.String(), Password: r.Header.Get("Proxy-Authorization")}
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&m.Event))
		asked <- m
	}))
	require.NoError(t, proxy.Listener.Close())
	proxy.Listener, err = net.Listen("tcp", net.JoinHostPort(network.Gateways[0].String(), "0"))
	require.NoError(t, err)
	proxy.Start()
	t.Cleanup(proxy.Close)

	var files []engine.File
	for name, text := range map[string]string{
		"webhook": "http://hooks.example.invalid/a-token", "webhook_proxy": "http://user:p%40ss@" + proxy.Listener.Addr().String(), "db_password": "unused",
	} {
		files = append(files, engine.File{Name: name, Mode: 0o400, UID: 999, GID: 999, Data: []byte(text)})
	}
	archive, err := engine.Tar(append([]engine.File{{Name: "./", Mode: 0o755}}, files...)...)
	require.NoError(t, err)
	require.NoError(t, e.WriteVolume(t.Context(), list[0].Ref, secrets, archive))
	start := func(environ ...string) string {
		return testkit.Start(t, engine.Spec{
			Image: list[0].Ref, User: "999:999", ReadOnly: true, CapDrop: []string{"ALL"}, NoNewPrivileges: true, Init: true,
			Tmpfs: map[string]string{"/tmp": "mode=1777,size=16m"}, Attach: []engine.Attach{{Network: network.Name}},
			Mounts: []engine.Mount{{Name: secrets, Target: "/run/secrets", ReadOnly: true}, {Name: testkit.Volume(t).Name, Target: "/var/lib/backup"}},
			Env:    append(environ, "DB_PASSWORD_FILE=/run/secrets/db_password", "BACKUP_WEBHOOK_FILE=/run/secrets/webhook"), Cmd: []string{"sleep", "infinity"},
		})
	}
	out, err := e.ExecOutput(t.Context(), start("WEBHOOK_PROXY_FILE=/run/secrets/webhook_proxy"), "backup", "alarm-test")
	require.NoError(t, err, out)
	require.Len(t, asked, 1)
	m := <-asked
	assert.Equal(t, "http://hooks.example.invalid/a-token", m.To)
	assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("user:p@ss")), m.Password)
	assert.Equal(t, notify.Test, m.Event.Event)

	_, err = e.ExecOutput(t.Context(), start(), "backup", "alarm-test")
	require.Error(t, err, "without it nobody knows the name")
	assert.NotContains(t, err.Error(), "a-token")
	assert.Empty(t, asked)
}
