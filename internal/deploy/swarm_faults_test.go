//go:build integration && faults

package deploy

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/swarm"
	"drydock/internal/testkit"
)

// onHost deploys the checkout to a swarm; more are settings.
func onHost(t *testing.T, h *testkit.Host, said *bytes.Buffer, more ...string) *Deployer {
	t.Helper()
	s, err := env.Load(env.Source{Root: testkit.Root(t), Env: "prod", ReadOnly: true, Environ: append(slices.Clone(more), // the first one of a name counts
		"HOME="+os.Getenv("HOME"), "PATH="+os.Getenv("PATH"), "PROJECT=shop", "TLS=off", "HTTP_PORT=80", "ENGINE=swarm",
		"DB_PASSWORD=a-pass$word-of-the-database-1", "REDIS_PASSWORD=a-password-of-redis-1", "BACKUP_ENCRYPTION_KEY=a-key-for-the-backups-of-a-test-1",
		"DOCKER_HOST="+h.Address(), "BUILD_HOST="+testkit.Engine(t).Host(), "DEPLOY_BACKUP=none")})
	require.NoError(t, err)
	st, err := stack.Open(t.Context(), s, strings.NewReader(""), said, said)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return &Deployer{Stack: st}
}

// The real product on a swarm of one node: deploy, the same again, another release under
// load, one that is bad, and back.
func TestTheProductOnASwarm(t *testing.T) {
	h := testkit.NewHost(t)
	require.NoError(t, run.Run(t.Context(), run.Cmd{Name: "docker", Args: []string{"swarm", "init", "--advertise-addr", h.IP},
		Env: append(os.Environ(), "DOCKER_HOST="+h.Address())}))
	var said bytes.Buffer
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("said:\n%s", &said)
		}
	})
	require.NoError(t, onHost(t, h, &said, "VERSION=v1").Deploy(t.Context()))
	url := "http://" + h.IP
	is := func(version string) {
		t.Helper()
		// Until the gateway has noticed that others have ended.
		testkit.WaitHTTP(t, url+"/api/version", func(a testkit.Answer) bool { return strings.Contains(string(a.Body), version) })
	}
	is("v1")
	assert.Equal(t, 200, testkit.Get(t, url+"/").Status)

	apps, err := onHost(t, h, &said).swarmApps(t.Context())
	require.NoError(t, err)
	require.Len(t, apps, 6)
	require.NoError(t, onHost(t, h, &said, "VERSION=v1").Deploy(t.Context()))
	assert.Contains(t, said.String(), "nothing to do for the apps")

	load := testkit.StartLoad(t, testkit.Load{URL: url + "/api/version", Rate: 20, Workers: 20})
	require.NoError(t, onHost(t, h, &said, "VERSION=v2", "LOG_LEVEL=debug").Deploy(t.Context()))
	is("v2")
	err = onHost(t, h, &said, "VERSION=v3", "LOG_LEVEL=warn", "BACKEND_VERSION_PATH=/api/none").Deploy(t.Context())
	require.ErrorIs(t, err, swarm.ErrReturned)
	is("v2")
	r := load.Stop()
	assert.Zero(t, r.Failed, "%v", r)

	// A changed secret is another one; those that nothing can go back to do not pile up.
	names := func() (list []string) {
		t.Helper()
		all, err := h.Client().SwarmSecrets(t.Context(), map[string]string{stack.LabelProject: "shop"})
		require.NoError(t, err)
		for _, x := range all {
			if strings.HasPrefix(x.Name, "shop-backend-") {
				list = append(list, x.Name)
			}
		}
		return list
	}
	first := names()
	for _, value := range []string{"the-first-token-of-a-test-1", "the-second-token-of-a-test-2", "the-third-token-of-a-test-3"} {
		require.NoError(t, onHost(t, h, &said, "VERSION=v2", "LOG_LEVEL=debug", "BACKEND_SECRET_TOKEN="+value).Deploy(t.Context()))
	}
	assert.Len(t, names(), len(first)+2, "the one that serves, and the one before it: %v", names())
	require.NoError(t, onHost(t, h, &said, "VERSION=v2", "LOG_LEVEL=debug").Rollback(t.Context(), ""))
	is("v2")
	require.NoError(t, onHost(t, h, &said, "VERSION=v2", "LOG_LEVEL=debug").Deploy(t.Context()))

	require.NoError(t, onHost(t, h, &said).ShowStatus(t.Context()))
	require.NoError(t, onHost(t, h, &said).ShowHistory(t.Context()))
	assert.Contains(t, said.String(), "returned")
	err = onHost(t, h, &said, "VERSION=v2", "LOG_LEVEL=debug", "DB_PASSWORD=another-password-of-the-database").Deploy(t.Context())
	require.ErrorContains(t, err, "DB_PASSWORD is not the one")
	assert.NotContains(t, said.String(), "a-pass$word")
	require.ErrorContains(t, onHost(t, h, &said).Stack.Up(t.Context()), "deploy:prod")
}

// A node that no engine of SWARM_NODES is would be given tasks, and not their images.
func TestEveryNodeOfASwarmHasToBeReached(t *testing.T) {
	hosts := testkit.NewHosts(t, 2)
	docker := func(h *testkit.Host, args ...string) string {
		t.Helper()
		out, err := run.Output(t.Context(), run.Cmd{Name: "docker", Args: args, Env: append(os.Environ(), "DOCKER_HOST="+h.Address())})
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	var said bytes.Buffer
	alone := onHost(t, hosts[0], &said)
	require.ErrorContains(t, alone.dataNode(t.Context()), "no manager of a swarm")
	docker(hosts[0], "swarm", "init", "--advertise-addr", hosts[0].IP)
	docker(hosts[1], "swarm", "join", "--advertise-addr", hosts[1].IP, "--token", docker(hosts[0], "swarm", "join-token", "--quiet", "worker"), hosts[0].IP+":2377")

	_, err := alone.otherNodes(t.Context())
	require.ErrorContains(t, err, "does not reach the nodes h2")
	both := onHost(t, hosts[0], &said, "SWARM_NODES="+hosts[1].SSH())
	opened, err := both.otherNodes(t.Context())
	require.NoError(t, err)
	require.Len(t, opened, 1)
	defer opened[0].Close()

	// Images get there over ssh, without a registry.
	tiny := testkit.TinyImage(t)
	hosts[0].Give(tiny)
	w := &work{d: both}
	r := &w.values.Refs
	r.DB, r.Redis, r.Gateway, r.Backup, r.Backend, r.Frontend = tiny, tiny, tiny, tiny, tiny, tiny
	require.NoError(t, w.toNodes(t.Context(), opened))
	there, err := hosts[1].Client().HasImage(t.Context(), tiny)
	require.NoError(t, err)
	assert.True(t, there)

	// The data is on one node: this manager if nobody chose, and never on two.
	require.NoError(t, both.dataNode(t.Context()))
	require.NoError(t, both.dataNode(t.Context()))
	docker(hosts[0], "node", "update", "--label-add", "drydock.data=shop", "h2")
	require.ErrorContains(t, both.dataNode(t.Context()), "have the label drydock.data=shop")
}
