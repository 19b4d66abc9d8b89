//go:build integration && long

package gateway_test

import (
	"os/exec"
	"strings"
	"testing"

	"drydock/internal/testkit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The number of workers came from the host's processors, under a small memory
// limit (nginx-gateway-fabric 5374).
func TestWorkersFitTheContainer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options []string
		want    int
	}{
		{[]string{"--cpus", "1"}, 1},
		{[]string{"--cpus", "0.3"}, 1},
		{[]string{"--cpus", "1.5"}, 2},
		{[]string{"--cpus", "2", "--memory", "48m"}, 1},
	} {
		s := newSite(t, c.options...)
		assert.Equal(t, c.want, strings.Count(docker(t, "top", s.gateway), "worker process"), "%v", c.options)
		docker(t, "kill", s.gateway) // the next one may have its processor
	}
}

func TestRefusesBadSettings(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("docker", append(append([]string{"run", "--rm", "--network", "none",
		"--env", "ACTIVE_COLOUR=red", "--env", "BACKEND_PORT=80;", "--env", "FRONTEND_PORT=70000", "--env", "BODY_LIMIT=10m;}",
		"--env", "APP_ENV=staging", "--env", "TRUSTED_PROXIES=a;b", "--env", "MAX_OLD_WORKERS=none", "--env", "RELOAD_WATCH=long"},
		testkit.LabelOptions(t)...), gatewayImage(t))...).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 64, exit.ExitCode())
	for _, name := range []string{"ACTIVE_COLOUR", "BACKEND_PORT", "FRONTEND_PORT", "BODY_LIMIT", "APP_ENV", "TRUSTED_PROXIES",
		"MAX_OLD_WORKERS", "RELOAD_WATCH"} {
		assert.Contains(t, string(out), name, "all problems at once")
	}
}
