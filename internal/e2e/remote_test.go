//go:build e2e && faults

package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/deploy"
	"drydock/internal/testkit"
)

// TestRemote deploys to a machine that only its address is known of: built here, sent
// there without a registry, reached over SSH and over TLS. Nothing there is this machine's.
func TestRemote(t *testing.T) {
	h := testkit.NewHost(t)
	ssh := h.SSH()
	require.NoError(t, h.SSHWorks())
	s := siteAt(t, h.Client(), testkit.Name(t, "remote"), h.IP, 80, 443)
	s.environ = append(s.environ, "BUILD_HOST="+testkit.Engine(t).Host(), "BACKEND_REPLICAS=1")
	overSSH := "DOCKER_HOST=" + ssh
	address, certificates := h.TLS()
	overTLS := []string{"DOCKER_HOST=" + address, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + certificates}

	r := s.must("deploy:prod", overSSH, s.next())
	t.Logf("first deploy over SSH in %s", r.took.Round(100*time.Millisecond))
	assert.Equal(t, 200, testkit.Get(t, s.base+"/api/version").Status)
	s.foreign(t)

	// Over the other way in, the same state: what one machine began, another goes on with.
	u := newUsers(t, s)
	r = s.must("deploy:prod", append(overTLS, s.next())...)
	t.Logf("second deploy over TLS in %s", r.took.Round(100*time.Millisecond))
	assert.NotContains(t, r.err, "shipped:", "the images are there already")
	r = s.must("deploy:rollback", overSSH, "WATCH_FOR=0s")
	u.content(t)
	var history deploy.History
	require.NoError(t, json.Unmarshal([]byte(s.must("deploy:history", append(overTLS, "FORMAT=json")...).out), &history))
	require.Len(t, history, 3)

	wrong := s.run("deploy:status", "DOCKER_HOST="+address)
	assert.Equal(t, 3, wrong.code, "without a certificate: %s", wrong.err)
	assert.Contains(t, wrong.err, address)

	// The engine ends in the middle, with all that it runs, and comes back.
	s.environ = append(s.environ, overTLS...)
	before := s.serves()
	c := s.begin("deploy:prod", s.next(), "DEPLOY_STABLE=20s")
	require.True(t, c.untilStep("gate"), c.said.String())
	require.Eventually(t, func() bool { // a step is told first, and written down then
		under := s.status().Under
		return under != nil && under.Step == deploy.Gate
	}, 15*time.Second, 200*time.Millisecond)
	h.PowerOff()
	r = c.wait()
	assert.NotZero(t, r.code, r.err)
	h.PowerOn()
	assert.Eventually(t, func() bool {
		st := s.status()
		return st.Situation.Gateway && st.Situation.Colour(st.Situation.Active).Well()
	}, 90*time.Second, time.Second, "the site comes back by itself")
	st := s.status()
	assert.Equal(t, before, st.Situation.Colour(st.Situation.Active).Release, "and it is the old release")
	require.NotNil(t, st.Under, "status tells of the unfinished one")
	assert.Equal(t, deploy.Gate, st.Under.Step)
	assert.Equal(t, 200, testkit.Get(t, s.base+"/api/version").Status)
	r = s.must("deploy:prod", s.next())
	assert.Contains(t, r.err, "was killed at the step")
	assert.NotEqual(t, before, s.serves())
}

// foreign demands that nothing on the engine names a path of this machine.
func (s *site) foreign(t *testing.T) {
	t.Helper()
	list := s.all(t.Context())
	require.NotEmpty(t, list)
	for _, c := range list {
		text := docker(t, "--host", s.engine.Host(), "inspect", "--format", "{{json .Mounts}}{{json .HostConfig}}{{json .Config.Env}}", c.ID)
		assert.NotContains(t, text, `"bind"`, c.Name)
		assert.NotContains(t, text, s.root, c.Name)
	}
}
