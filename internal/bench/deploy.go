package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"drydock/internal/compose"
	"drydock/internal/deploy"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/stack"
)

// DeployOptions are what a comparison of deploys gets.
type DeployOptions struct {
	Source env.Source // of the checkout; its environment is not touched
	Engine *engine.Client
	Err    io.Writer
	Rounds int // deploys of each way
}

const deployScene = "a new version under load"

// The ways to put a new version live. Compose waits, too: a load that ended when the command
// does would else miss what fails after it.
const (
	composeDeploy = "docker compose up -d --wait"
	ourDeploy     = "deploy:prod"
)

// Deploys puts new versions live under load, in a scratch environment of this checkout:
// with deploy:prod, and as its peer the way that compose itself has, `docker compose up`
// with the changed settings. Requests that failed are counted for both.
func Deploys(ctx context.Context, o DeployOptions) (rows []Row, err error) {
	const what = "measuring deploys"
	if !o.Engine.Local() {
		return nil, fmt.Errorf("%s: the engine is on another machine; unset DOCKER_HOST, the load comes from here", what)
	}
	site, err := newScratchSite(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer func() { err = errors.Join(err, site.remove()) }()
	ways := []struct {
		name string
		do   func(context.Context, *stack.Stack) error
	}{
		{composeDeploy, composeUp},
		{ourDeploy, func(ctx context.Context, st *stack.Stack) error {
			return (&deploy.Deployer{Stack: st}).Deploy(ctx)
		}},
	}
	// The first deploy makes the environment, without a load: there is nothing to ask yet.
	if err := site.with(ctx, ways[1].do); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	failed, sent, took := map[string]Sample{}, map[string]Sample{}, map[string]Sample{}
	for round := range o.Rounds {
		for _, w := range ways {
			_, _ = fmt.Fprintf(o.Err, "deploy %d of %d: %s\n", round+1, o.Rounds, w.name) // narration
			if err := settled(ctx, site.url); err != nil {
				return nil, fmt.Errorf("%s: %w", what, err)
			}
			stop := startVisitors(ctx, site.url)
			begin := time.Now()
			doErr := site.with(ctx, w.do)
			took[w.name] = append(took[w.name], time.Since(begin).Seconds())
			got := stop()
			if doErr != nil {
				return nil, fmt.Errorf("%s: %s: %w", what, w.name, doErr)
			}
			if got.failed > 0 {
				_, _ = fmt.Fprintf(o.Err, "%d requests failed, the first: %s\n", got.failed, got.first) // narration
			}
			failed[w.name] = append(failed[w.name], float64(got.failed))
			sent[w.name] = append(sent[w.name], float64(got.sent))
		}
	}
	switches, err := site.switches(ctx, o.Rounds)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return deployRows(failed, sent, took, switches), nil
}

// deployRows puts both ways side by side. The change itself is something that compose does not
// have: what it is a part of is its peer.
func deployRows(failed, sent, took map[string]Sample, switches Sample) (rows []Row) {
	for _, t := range []struct {
		title, unit string
		of          map[string]Sample
	}{{"requests that failed", "requests", failed}, {"requests sent", "requests", sent}, {"from start to end", "s", took}} {
		for _, name := range []string{composeDeploy, ourDeploy} {
			rows = append(rows, row(deployScene+", "+t.title, name, t.unit, t.of[name], composeDeploy, t.of[composeDeploy]))
		}
	}
	const scene, whole, change = deployScene + ", the change itself", ourDeploy + ", from start to end", "the change from the old colour to the new one"
	return append(rows, row(scene, whole, "s", took[ourDeploy], whole, took[ourDeploy]), row(scene, change, "s", switches, whole, took[ourDeploy]))
}

// settled waits until a site has answered for a while, so that what one way leaves behind is not
// counted against the next.
func settled(ctx context.Context, url string) error {
	const enough = 100
	end := time.Now().Add(time.Minute)
	for good := 0; good < enough; {
		if time.Now().After(end) {
			return fmt.Errorf("%s does not answer %d times in a row within a minute", url, enough)
		}
		stop := startVisitors(ctx, url)
		select {
		case <-time.After(10 * visitorRate): // as the load itself, a few requests at a time
		case <-ctx.Done():
			stop()
			return context.Cause(ctx)
		}
		if got := stop(); got.failed > 0 {
			good = 0
		} else {
			good += int(got.sent)
		}
	}
	return nil
}

// composeUp has compose replace the apps where they are. The target up does not: it leaves a
// release what serves.
func composeUp(ctx context.Context, st *stack.Stack) error {
	colour, err := st.LiveColour(ctx)
	if err != nil {
		return err
	}
	v, err := st.ReleaseValues(ctx, colour)
	if err != nil {
		return err
	}
	return composeBoth(ctx, st, v, compose.UpOptions{Timeout: time.Minute})
}

// composeBoth has compose itself bring up both projects.
func composeBoth(ctx context.Context, st *stack.Stack, v compose.Values, o compose.UpOptions) error {
	runner := st.Runner()
	runner.CLI = true
	for _, p := range []compose.Project{compose.Base(st.Settings, v), compose.App(st.Settings, v)} {
		if err := runner.Up(ctx, p, o); err != nil {
			return err
		}
	}
	return nil
}

// scratchSite is a prod environment that nobody uses.
type scratchSite struct {
	o       DeployOptions
	url     string
	environ []string
	n       int // versions so far
}

func newScratchSite(o DeployOptions) (*scratchSite, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	tls, err := freePort()
	if err != nil {
		return nil, err
	}
	ours := []string{
		"ENV=prod", "PROJECT=drydock-bench", "TLS=off", "HTTP_BIND=127.0.0.1", fmt.Sprintf("HTTP_PORT=%d", port), fmt.Sprintf("HTTPS_PORT=%d", tls),
		"DB_PASSWORD=of-a-database-for-a-moment", "REDIS_PASSWORD=of-a-redis-for-a-moment", "BACKEND_REPLICAS=2", "FRONTEND_REPLICAS=1",
		"CANARY=0", "WATCH_FOR=2s", "DEPLOY_STABLE=1s", "DEPLOY_WEBHOOK=", "PRE_DEPLOY=", "POST_DEPLOY=", "VOLUMES=1", "YES=1",
	}
	return &scratchSite{o: o, url: fmt.Sprintf("http://127.0.0.1:%d", port), environ: override(o.Source.Environ, ours)}, nil
}

// override is an environment in which ours have the values that they have here.
func override(environ, ours []string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.ContainsFunc(ours, func(mine string) bool { return strings.HasPrefix(mine, name+"=") })
	})
	return append(kept, ours...)
}

// versioned is the environment of the version of now.
func (s *scratchSite) versioned() []string {
	return append(slices.Clone(s.environ), fmt.Sprintf("BACKEND_ENV_BENCH=%d", s.n))
}

// with runs fn with the stack of a version that differs from the last one.
func (s *scratchSite) with(ctx context.Context, fn func(context.Context, *stack.Stack) error) (err error) {
	s.n++
	src := s.o.Source
	src.Env, src.Environ = "", s.versioned()
	settings, err := env.Load(src)
	if err != nil {
		return err
	}
	st, err := stack.Open(ctx, settings, strings.NewReader(""), io.Discard, s.o.Err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return fn(ctx, st)
}

// switches are how long the change of the colour took in the deploy of each round, in seconds.
// What made the environment was before those, without a load.
func (s *scratchSite) switches(ctx context.Context, rounds int) (Sample, error) {
	var took Sample
	err := s.with(ctx, func(ctx context.Context, st *stack.Stack) error {
		history, err := (&deploy.Deployer{Stack: st}).History(ctx)
		for _, r := range history {
			if r.SwitchMS > 0 {
				took = append(took, float64(r.SwitchMS)/1000)
			}
		}
		return err
	})
	if err == nil && len(took) < rounds {
		err = fmt.Errorf("%d deploys told how long the change took, not %d", len(took), rounds)
	}
	if err != nil {
		return nil, err
	}
	return took[len(took)-rounds:], nil
}

// remove takes everything of the environment away, whatever the context of the run is.
func (s *scratchSite) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var said bytes.Buffer
	if err := s.with(ctx, func(ctx context.Context, st *stack.Stack) error { st.Err = &said; return st.Down(ctx) }); err != nil {
		return fmt.Errorf("removing the environment of the measurement: %w\n%s", err, &said)
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
