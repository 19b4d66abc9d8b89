//go:build integration && faults

package swarm

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// Three engines: replicas are spread, each node has a gateway, and the loss of a node under
// load costs a bounded number of requests and no others.
func TestASwarmOfThreeLosesANode(t *testing.T) {
	c := newCluster(t, 3, 3)
	require.NoError(t, c.apply(c.stack("v1")))
	client := c.hosts[1].Client() // one that stays
	assert.Len(t, c.on(client, "gateway"), 3)
	for _, service := range []string{"backend", "frontend"} {
		nodes := c.on(client, service)
		assert.Len(t, nodes, 3, "%s is spread", service)
	}
	for i := range c.hosts {
		c.serves(i, "v1") // through the gateway of each node, to members on all of them
	}

	// A release on three nodes, asked through two of them.
	loads := []*testkit.LoadRun{}
	for _, i := range []int{1, 2} {
		loads = append(loads, testkit.StartLoad(t, testkit.Load{URL: c.url(i), Rate: 20, Workers: 40, Timeout: 20 * time.Second}))
	}
	require.NoError(t, c.apply(c.stack("v2")))
	for i, l := range loads {
		r := l.Stop()
		assert.Zero(t, r.Failed, "host %d: %v", i+2, r)
	}

	// The loss. What was under way on the lost node, or is sent to it before its silence is
	// noticed, may fail; nginx tries another member after its connect timeout.
	loads = nil
	for _, i := range []int{1, 2} {
		loads = append(loads, testkit.StartLoad(t, testkit.Load{URL: c.url(i), Rate: 20, Workers: 40, Timeout: 20 * time.Second}))
	}
	for _, l := range loads {
		l.Reach(40)
	}
	c.hosts[0].PowerOff()
	// Until the others have a leader they cannot say.
	require.Eventually(t, func() bool {
		list, err := client.Nodes(t.Context())
		if err != nil {
			return false
		}
		nodes, err := running(t.Context(), client, "backend")
		total := 0
		for _, n := range list {
			if n.Ready {
				total += nodes[n.ID]
			}
		}
		return err == nil && total >= 3
	}, 2*time.Minute, time.Second, "the replicas come back on the nodes that are left")
	for i, l := range loads {
		r := l.Stop()
		t.Logf("the loss of a node, seen from host %d: %v", i+2, r)
		// 20 a second for at most two seconds.
		assert.LessOrEqual(t, r.Failed, 40, "host %d: %v", i+2, r)
	}
	// Served as before, without it.
	for _, i := range []int{1, 2} {
		r := testkit.StartLoad(t, testkit.Load{URL: c.url(i), Rate: 20, Workers: 20, Duration: 5 * time.Second}).Wait()
		assert.Zero(t, r.Failed, "served as before: host %d: %v", i+1, r)
	}
	// A release with a node missing arrives on the others.
	c.swarm.Engine = client
	require.NoError(t, c.apply(c.stack("v3")))
	c.serves(1, "v3")
	c.serves(2, "v3")

	c.hosts[0].PowerOn()
	require.Eventually(t, func() bool {
		nodes, err := running(t.Context(), client, "gateway")
		return err == nil && len(nodes) == 3
	}, 2*time.Minute, time.Second)
	c.serves(0, "v3")
}

// on counts the running tasks of a service by node.
func (c *cluster) on(client *engine.Client, service string) map[string]int {
	c.t.Helper()
	out, err := running(c.t.Context(), client, service)
	require.NoError(c.t, err)
	return out
}

func running(ctx context.Context, client *engine.Client, service string) (map[string]int, error) {
	list, err := client.SwarmServices(ctx, map[string]string{"com.docker.stack.namespace": "shop"})
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, s := range list {
		if s.Name != "shop_"+service {
			continue
		}
		tasks, err := client.Tasks(ctx, s.ID)
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			if t.Wanted && t.State == "running" {
				out[t.Node]++
			}
		}
	}
	return out, nil
}
