//go:build integration

package testkit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
	"drydock/internal/testkit/tinyapi"
)

// server is a tiny HTTP server with a health check.
func server(network, name string) engine.Spec {
	return engine.Spec{
		Name: name, Cmd: []string{"serve", "-name", name},
		Attach: []engine.Attach{{Network: network, Aliases: []string{name}}},
		Health: &engine.HealthCheck{Cmd: []string{"/tiny", "healthcheck"}, Interval: 300e6, Timeout: 3e9, Retries: 3},
	}
}

func TestNetworksAreIsolated(t *testing.T) {
	one, two := testkit.Network(t, true), testkit.Network(t, true)
	a := testkit.Container(t, server(one.Name, "a"))
	b := testkit.Container(t, server(two.Name, "b"))

	d := testkit.DialFrom(t, one.Name, "a:8080")
	assert.True(t, d.OK, "%+v", d)
	d = testkit.DialFrom(t, two.Name, "a:8080")
	assert.Equal(t, tinyapi.KindName, d.Kind, "%+v", d)
	d = testkit.DialAs(t, b.ID, "b:8080")
	assert.True(t, d.OK, "%+v", d)

	address, ok := a.Address(one.Name)
	require.True(t, ok)
	d = testkit.DialAs(t, b.ID, address.String()+":8080")
	assert.False(t, d.OK, "another network's address was reached: %+v", d)
}

func TestPublishedEcho(t *testing.T) {
	n := testkit.Network(t, false)
	port := testkit.HoldPort(t)
	spec := server(n.Name, "web")
	spec.Publish = []engine.Port{{Container: 8080, HostIP: "127.0.0.1", Host: port.Number}}
	port.Release()
	c := testkit.Container(t, spec)

	at, ok := c.Published(8080)
	require.True(t, ok)
	require.EqualValues(t, port.Number, at.Port())
	url := "http://" + at.String()
	echo := testkit.ParseEcho(t, testkit.Get(t, url+"/a%2Fb?q=1").Body)
	assert.Equal(t, "/a%2Fb?q=1", echo.Path)
	assert.Equal(t, "web", echo.Name)
	assert.Equal(t, c.ID[:12], echo.Hostname)

	testkit.Get(t, url+"/health/down")
	c, err := testkit.Engine(t).WaitFor(t.Context(), c.ID, "unhealthy", func(c engine.Container) (bool, error) {
		return c.Health == engine.Unhealthy, nil
	})
	require.NoError(t, err)
	assert.Contains(t, c.Checks[len(c.Checks)-1].Output, "told to be unhealthy")
	testkit.WaitHTTP(t, url+"/healthz", func(a testkit.Answer) bool { return a.Status == 503 })
}

func TestLoadNoticesAPause(t *testing.T) {
	n := testkit.Network(t, false)
	spec := server(n.Name, "web")
	spec.Publish = []engine.Port{{Container: 8080, HostIP: "127.0.0.1"}}
	c := testkit.Container(t, spec)
	at, _ := c.Published(8080)

	load := testkit.StartLoad(t, testkit.Load{URL: fmt.Sprintf("http://%s/", at), Rate: 50, Workers: 8, Duration: 2e9, Timeout: 500e6})
	resume := testkit.Pause(t, c.ID)
	load.Reach(8) // each worker's first has run into its timeout
	resume()
	r := load.Wait()
	assert.Positive(t, r.Failed, r)
	assert.Positive(t, r.Errors["timeout"], r)
}

func TestEnvironmentArrivesByteForByte(t *testing.T) {
	value := "pass__$85858#'x \"${HOME}\" \\n \xff\n end"
	env := testkit.ParseEnv(t, testkit.Tiny(t, engine.Spec{Cmd: []string{"env"}, Env: []string{"V=" + value}}))
	got, ok := env.Get("V")
	require.True(t, ok)
	// The engine's API is JSON, which has no way to write a byte that is not UTF-8.
	assert.Equal(t, strings.ReplaceAll(value, "\xff", "\uFFFD"), got)
}
