//go:build integration

package swarm

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"drydock/internal/compose"
	"drydock/internal/env"
	"drydock/internal/testkit"
)

// The product's own files: what a service is on one host, it is on a swarm. Each key of a
// service is either the same, or where Swarm has it, or named here as what Swarm has not.
func TestBothFormsOfTheProductAreTheSame(t *testing.T) {
	s, err := env.Load(env.Source{Root: testkit.Root(t), Env: "prod", ReadOnly: true, Environ: []string{
		"HOME=" + os.Getenv("HOME"), "PROJECT=shop", "ENGINE=swarm", "DB_PASSWORD=a-password-of-the-database-1", "REDIS_PASSWORD=a-password-of-redis-1",
		"BACKUP_ENCRYPTION_KEY=a-key-for-the-backups-of-a-test-1", "BACKEND_ENV_ODD=a$b ${c} 'd\"",
	}})
	require.NoError(t, err)
	var said bytes.Buffer
	runner := &compose.Runner{Env: os.Environ(), Folder: t.TempDir(), Stderr: &said}
	in := Input{Project: "shop", Projects: map[string][]byte{}, Update: Update{Monitor: "5s"}}
	v := compose.Placeholders(s, nil)
	for _, p := range []compose.Project{compose.Base(s, v), compose.App(s, v)} {
		in.Projects[p.Name], err = runner.Config(t.Context(), p)
		require.NoError(t, err, "%s", &said)
	}
	text, err := Stack(in)
	require.NoError(t, err)
	var stack struct {
		Services map[string]object `yaml:"services"`
	}
	require.NoError(t, yaml.Unmarshal(text, &stack))
	seen := 0
	for _, project := range in.Projects {
		var one struct {
			Services map[string]object `yaml:"services"`
		}
		require.NoError(t, yaml.Unmarshal(project, &one))
		for name, from := range one.Services {
			to := stack.Services[name]
			require.NotNil(t, to, name)
			seen++
			deploy := to["deploy"].(object)
			for key, value := range from {
				switch key {
				case "mem_limit":
					assert.Equal(t, fmt.Sprint(value), deploy["resources"].(object)["limits"].(object)["memory"], name)
				case "pids_limit":
					assert.Equal(t, value, deploy["resources"].(object)["limits"].(object)["pids"], name)
				case "deploy":
					assert.Equal(t, value.(object)["replicas"], deploy["replicas"], name)
				case "restart":
					assert.Equal(t, "any", deploy["restart_policy"].(object)["condition"], name)
				case "labels":
					for k, v := range value.(object) {
						assert.Equal(t, v, to["labels"].(object)[k], name)
					}
				case "volumes", "tmpfs", "shm_size", "ports", "security_opt", "depends_on":
					// Other shapes, which the golden files show.
				default:
					assert.Equal(t, value, to[key], "%s of %s", key, name)
				}
			}
		}
	}
	assert.Equal(t, 6, seen)
}
