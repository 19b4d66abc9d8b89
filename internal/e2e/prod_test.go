//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/gateway"
	"drydock/internal/security"
	"drydock/internal/testkit"
)

func TestProd(t *testing.T) {
	t.Parallel() // beside TestDeploy: both wait most of the time
	r := scratch(t, "prod", "BODY_LIMIT=12m")
	first := r.followFirst(t)
	r.up(t)

	t.Run("the apps start when what they need is healthy", func(t *testing.T) {
		order := first()
		for _, app := range []string{"backend", "frontend"} {
			begun := slices.Index(order, app+" start")
			require.Positive(t, begun, "%v", order)
			for _, needed := range []string{"db", "redis", "gateway"} {
				assert.Contains(t, order[:begun], needed+" health_status: healthy", "%v", order)
			}
		}
	})

	t.Run("the page works", func(t *testing.T) {
		page := tab(t, browser(t), r.base)
		addNote(t, page, "In production")
		seen(t, page, "In production", 10*time.Second)
		screenshot(t, page, "page-prod.png")
	})

	t.Run("the page works on a phone", func(t *testing.T) {
		page := tab(t, browser(t), r.base)
		do(t, page, "taking a phone", 10*time.Second, chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile, chromedp.EmulateTouch))
		addNote(t, page, "On the way "+strings.Repeat("W", 100))
		seen(t, page, "On the way", 10*time.Second)
		over, err := chromedp.Run(page, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - innerWidth`))
		require.NoError(t, err)
		assert.LessOrEqual(t, over, 0.0, "nothing has to be scrolled sideways, a long word included")
		// A finger's size (WCAG 2.2, 2.5.8).
		small, err := chromedp.Run(page, chromedp.Evaluate[string](`[...document.querySelectorAll("button, input, textarea")].filter(e => {
			const r = e.getBoundingClientRect();
			return r.width > 0 && (r.width < 24 || r.height < 24);
		}).map(e => e.outerHTML.slice(0, 120)).join("\n")`))
		require.NoError(t, err)
		assert.Empty(t, small, "controls that a finger does not hit")
		screenshot(t, page, "page-phone.png")
	})

	t.Run("both parts tell the version", func(t *testing.T) {
		for _, path := range []string{"/version.json", "/api/version"} {
			a := testkit.Get(t, r.base+path)
			require.Equal(t, http.StatusOK, a.Status, path)
			var v struct{ Version string }
			require.NoError(t, json.Unmarshal(a.Body, &v))
			assert.Contains(t, v.Version, "0.0.0-src.", path) // the copy is no git checkout
		}
	})

	t.Run("the security check passes", func(t *testing.T) {
		check := security.Check{Settings: r.Settings, Engine: r.Engine, Out: r.out}
		found, err := check.Report(t.Context())
		require.NoError(t, err)
		assert.Empty(t, found.Failed(), "%+v", found.Rules)
	})

	t.Run("the report is shown to who knows the password", func(t *testing.T) { testReportInProd(t, r) })

	t.Run("nothing but the gateway is published", func(t *testing.T) {
		for _, c := range r.containers(t) {
			for _, p := range c.Ports {
				assert.True(t, p.Host == 0 || c.Service() == "gateway", "%s publishes %+v", c.Name, p)
			}
		}
	})

	t.Run("the networks are isolated", func(t *testing.T) {
		frontend, gateway, backend := r.service(t, "frontend"), r.service(t, "gateway"), r.service(t, "backend")
		db, ok := r.service(t, "db").Address(r.Settings.Project + "-data")
		require.True(t, ok)
		redis, ok := r.service(t, "redis").Address(r.Settings.Project + "-data")
		require.True(t, ok)
		for _, c := range []string{frontend.ID, gateway.ID} {
			for _, target := range []string{"db:5432", "redis:6379", db.String() + ":5432", redis.String() + ":6379"} {
				assert.False(t, testkit.DialAs(t, c, target).OK, target)
			}
		}
		// The same way of asking says yes where the answer is yes.
		for _, target := range []string{"db:5432", "redis:6379"} {
			assert.True(t, testkit.DialAs(t, backend.ID, target).OK, target)
		}
	})

	t.Run("every service is hardened and bounded", func(t *testing.T) {
		for _, c := range r.containers(t) {
			var in []struct {
				Config     struct{ User string }
				Mounts     []struct{ Type string }
				HostConfig struct {
					ReadonlyRootfs bool
					CapDrop        []string
					SecurityOpt    []string
					Memory         int64
					PidsLimit      *int64
					RestartPolicy  struct{ Name string }
					LogConfig      struct {
						Type   string
						Config map[string]string
					}
				}
				State struct{ Health *struct{ Status string } }
			}
			require.NoError(t, json.Unmarshal([]byte(docker(t, "inspect", c.ID)), &in))
			h := in[0].HostConfig
			assert.True(t, h.ReadonlyRootfs, "%s: read-only root", c.Name)
			assert.Equal(t, []string{"ALL"}, h.CapDrop, "%s: capabilities", c.Name)
			assert.True(t, slices.ContainsFunc(h.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }), "%s", c.Name)
			assert.Positive(t, h.Memory, "%s: memory limit", c.Name)
			require.NotNil(t, h.PidsLimit, c.Name)
			assert.Positive(t, *h.PidsLimit, "%s: pids limit", c.Name)
			assert.Equal(t, "unless-stopped", h.RestartPolicy.Name, "%s", c.Name)
			// getsentry/self-hosted 1594: logs grew to 387 GB.
			assert.Equal(t, "json-file", h.LogConfig.Type, "%s", c.Name)
			assert.NotEmpty(t, h.LogConfig.Config["max-size"], "%s", c.Name)
			assert.NotEmpty(t, h.LogConfig.Config["max-file"], "%s", c.Name)
			assert.NotContains(t, []string{"", "0", "root", "0:0"}, in[0].Config.User, "%s: user", c.Name)
			require.NotNil(t, in[0].State.Health, "%s: health check", c.Name)
			assert.Equal(t, "healthy", in[0].State.Health.Status, "%s", c.Name)
			for _, m := range in[0].Mounts {
				// A bind mount is a path of this machine: a remote engine would not have it.
				assert.NotEqual(t, "bind", m.Type, "%s", c.Name)
			}
		}
	})

	t.Run("nothing can be run in the backend but the backend", func(t *testing.T) {
		for _, program := range []string{"sh", "bash", "busybox", "dpkg", "apt-get", "apk"} {
			err := r.Engine.Exec(t.Context(), r.service(t, "backend").ID, engine.Command{Cmd: []string{program}})
			var exit *engine.ExitError
			if assert.ErrorAs(t, err, &exit, program) {
				assert.Contains(t, []int{126, 127}, exit.Code, "%s: %v", program, err) // what an engine says of a program that is not there
			}
		}
		assert.NoError(t, r.Engine.Exec(t.Context(), r.service(t, "backend").ID, engine.Command{Cmd: []string{"/backend", "healthcheck"}}))
	})

	t.Run("no secret shows anywhere", func(t *testing.T) { testCanaries(t, r) })

	t.Run("the files work by hand", func(t *testing.T) {
		for _, files := range [][]string{{"data.yaml", "data.dev.yaml", "gateway.yaml"}, {"data.yaml", "gateway.yaml", "gateway.tls.yaml", "backup.yaml", "guard.yaml"}, {"app.yaml"}, {"app.yaml", "backend.dev.yaml", "frontend.dev.yaml"}} {
			args := []string{"compose", "--env-file", r.root + "/.env.example"}
			for _, f := range files {
				args = append(args, "-f", r.root+"/compose/"+f)
			}
			assert.Contains(t, docker(t, append(args, "config")...), "services:")
		}
	})

	t.Run("a large body passes a read-only root", func(t *testing.T) {
		// docker-nginx-unprivileged 175. The backend has read all of it and finds the title too long; beyond
		// BODY_LIMIT, which is the same for both, the gateway refuses. It is above the default of either, so one
		// that had not heard of it would refuse what is just below (nginx-proxy 912).
		for size, want := range map[int]int{11 << 20: http.StatusUnprocessableEntity, 13 << 20: http.StatusRequestEntityTooLarge} {
			resp, err := http.Post(r.base+"/api/notes", "application/json", strings.NewReader(`{"title":"`+strings.Repeat("x", size)+`"}`))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, want, resp.StatusCode, "%d bytes", size)
		}
	})

	t.Run("it starts under a name, and in maintenance", func(t *testing.T) {
		named := open(t, r.root, append(slices.Clone(r.env), "DOMAIN=product.example"))
		gate := &gateway.Gateway{Settings: named.Settings, Engine: r.Engine, Out: named.out, Err: named.out}
		require.NoError(t, named.Up(t.Context()), "%s", named.out)
		require.NoError(t, gate.Maintenance(t.Context(), true))
		require.NoError(t, named.Up(t.Context()), "a page that says so is an answer: %s", named.out)
		assert.Contains(t, named.out.String(), "maintenance is on")
		require.NoError(t, gate.Maintenance(t.Context(), false))
	})
}

// followFirst follows the project's containers from now on. What it returns ends that and gives
// what happened, in order, each only the first time: "db start", "db health_status: healthy".
func (r *running) followFirst(t *testing.T) func() []string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	events, failed := r.Engine.Events(ctx, engine.EventFilter{
		Types: []string{"container"}, Actions: []string{"start", "health_status"},
		Labels: map[string]string{"drydock.project": r.Settings.Project}, Since: time.Now(),
	})
	done := make(chan []string)
	go func() {
		var list []string
		for e := range events {
			if one := e.Attributes["com.docker.compose.service"] + " " + e.Action; !slices.Contains(list, one) {
				list = append(list, one)
			}
		}
		done <- list
	}()
	return func() []string {
		stop()
		list := <-done
		require.ErrorIs(t, <-failed, context.Canceled, "the list is whole")
		return list
	}
}
