//go:build integration

package security

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

// Real containers, each with one fault that the engine really made: the check has to see
// every one of them, and nothing in the one that has none.
func TestSeesEveryPlantedFault(t *testing.T) {
	t.Parallel()
	project := testkit.Project(t, "security")
	image := testkit.TinyImage(t)
	network := testkit.Network(t, true)
	e := testkit.Engine(t)
	labels, home := testkit.LabelOptions(t), t.TempDir()
	start := func(service string, with, without []string, ref string) error {
		args := []string{"run", "--detach", "--name", project + "-" + service,
			"--label", stack.LabelProject + "=" + project, "--label", "com.docker.compose.service=" + service, "--label", "com.docker.compose.project=" + project}
		args = append(args, labels...)
		for _, option := range []string{"--user=65534:65534", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true", "--memory=64m", "--pids-limit=64",
			"--cpu-shares=512", "--log-opt=max-size=1m", "--network=" + network.Name, "--health-cmd=/tiny help"} {
			if !slices.Contains(without, option) {
				args = append(args, option)
			}
		}
		args = append(append(args, with...), ref, "sleep", "10m")
		var out bytes.Buffer
		err := run.Run(t.Context(), run.Cmd{Name: "docker", Args: args, Env: append(e.CLIEnv(), "PATH="+os.Getenv("PATH"), "HOME="+home), Stdout: &out, Stderr: &out})
		if err != nil {
			return fmt.Errorf("%s: %w: %s", service, err, &out)
		}
		return nil
	}
	latest := testkit.Name(t, "floating")
	require.NoError(t, e.Tag(t.Context(), image, latest+":latest"))
	t.Cleanup(func() { assert.NoError(t, e.RemoveImage(context.WithoutCancel(t.Context()), latest+":latest")) })

	faults := []struct {
		service, rule string
		with, without []string
		ref           string
	}{
		{service: "root", rule: "CIS-4.1", without: []string{"--user=65534:65534"}},
		{service: "floating", rule: "CIS-5.28", ref: latest + ":latest"},
		{service: "added", rule: "CIS-5.4", with: []string{"--cap-add=NET_ADMIN"}},
		{service: "capable", rule: "CIS-5.4", without: []string{"--cap-drop=ALL"}},
		{service: "privileged", rule: "CIS-5.5", with: []string{"--privileged"}},
		{service: "etc", rule: "CIS-5.6", with: []string{"--volume=/etc:/x:ro"}},
		{service: "unlimited", rule: "CIS-5.11", without: []string{"--memory=64m"}},
		{service: "writable", rule: "CIS-5.13", without: []string{"--read-only"}},
		{service: "everywhere", rule: "CIS-5.9", with: []string{"--publish=5432", "--network=bridge"}, without: []string{"--network=" + network.Name}},
		{service: "device", rule: "CIS-5.18", with: []string{"--device=/dev/null:/dev/x"}},
		{service: "unfiltered", rule: "CIS-5.22", with: []string{"--security-opt=seccomp=unconfined"}},
		{service: "gaining", rule: "CIS-5.26", without: []string{"--security-opt=no-new-privileges:true"}},
		{service: "unchecked", rule: "CIS-5.27", without: []string{"--health-cmd=/tiny help"}},
		{service: "forking", rule: "CIS-5.29", without: []string{"--pids-limit=64"}},
		{service: "host-network", rule: "CIS-5.10", with: []string{"--network=host"}, without: []string{"--network=" + network.Name}},
		{service: "host-pid", rule: "CIS-5.16", with: []string{"--pid=host"}},
		{service: "host-ipc", rule: "CIS-5.17", with: []string{"--ipc=host"}},
		{service: "host-name", rule: "CIS-5.21", with: []string{"--uts=host"}},
		{service: "bridge", rule: "CIS-5.30", with: []string{"--network=bridge"}, without: []string{"--network=" + network.Name}},
		{service: "host-users", rule: "CIS-5.31", with: []string{"--userns=host"}},
		{service: "socket", rule: "CIS-5.32", with: []string{"--volume=/var/run/docker.sock:/var/run/docker.sock:ro"}},
		{service: "told", rule: "compose-secrets", with: []string{"--env=SESSION_TOKEN=abc"}},
		{service: "endless-log", rule: "compose-logs", without: []string{"--log-opt=max-size=1m"}},
		{service: "bound", rule: "compose-binds", with: []string{"--volume=/tmp:/x:ro"}},
	}
	var g errgroup.Group
	g.SetLimit(6)
	g.Go(func() error { return start("well", nil, nil, image) })
	for _, f := range faults {
		g.Go(func() error { return start(f.service, f.with, f.without, cmp.Or(f.ref, image)) })
	}
	require.NoError(t, g.Wait())

	s := &env.Settings{Root: testkit.Root(t), Env: "prod", Mode: env.Prod, Project: project}
	facts, err := Gather(t.Context(), e, s)
	require.NoError(t, err)
	require.Len(t, facts.Containers, len(faults)+1)
	seen := 0
	results := Run(facts)
	byRule := map[string][]string{}
	for _, r := range results {
		for _, f := range r.Findings {
			byRule[r.ID] = append(byRule[r.ID], f.Where)
			if f.Where == "well" {
				// The tiny image is no service's and has no check of its own.
				assert.Equal(t, "CIS-4.6", r.ID, "%s", f.What)
			}
			assert.NotContains(t, f.What, "abc", "a secret is told")
		}
	}
	for _, f := range faults {
		if assert.Contains(t, byRule[f.rule], f.service, "%s is not seen", f.rule) {
			seen++
		}
	}
	t.Logf("seen %d of %d", seen, len(faults))

	var out bytes.Buffer
	err = (&Check{Settings: s, Engine: e, Out: &out}).Run(t.Context())
	require.ErrorContains(t, err, "CIS-5.5")
	assert.Contains(t, out.String(), "fail      CIS-5.5")
	assert.NotZero(t, run.Code(err))
}

// Nothing found is not the same as nothing wrong.
func TestRefusesAnEnvironmentThatIsNotUp(t *testing.T) {
	t.Parallel()
	_, err := Gather(t.Context(), testkit.Engine(t), &env.Settings{Env: "prod", Mode: env.Prod, Project: testkit.Name(t, "nobody")})
	require.ErrorContains(t, err, "go tool mage up")
}
