package check

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"drydock/internal/engine"
	"drydock/internal/image"
	"drydock/internal/setup"
	"drydock/internal/testkit/runid"
)

// integrationTimeout bounds one module's tests; the slowest install Docker on a fresh
// machine and build every image.
const integrationTimeout = "25m"

// Integration runs the tests against real services. Two packages at a time: most of them wait
// for containers, and their bounds mean a machine that is not overloaded.
// The race detector is linked with a C compiler, which is installed where it is missing.
func (c *Checks) Integration(ctx context.Context, e *engine.Client) error {
	start := time.Now()
	if _, err := setup.EnsureCompiler(ctx, c.setup()); err != nil {
		return err
	}
	if _, err := setup.EnsureSSHServer(ctx, c.setup()); err != nil {
		return err
	}
	if err := c.frontend(ctx, e); err != nil {
		return err
	}
	if err := c.backend(ctx, e); err != nil {
		return err
	}
	err := c.goTestAgain(ctx, nil, []string{"./..."}, "-race", "-tags=integration", "-p=2", "-timeout="+integrationTimeout)
	if err != nil {
		return fmt.Errorf("integration tests: %w", err)
	}
	c.say("integration tests passed in %s", time.Since(start).Round(time.Second))
	return nil
}

// frontend builds the stage of its Dockerfile that checks and tests it, so that no Node
// is needed on this machine.
func (c *Checks) frontend(ctx context.Context, e *engine.Client) error {
	_, err := image.Build(ctx, image.BuildOptions{
		Settings: c.Settings, Engine: e, Err: c.Err, Names: []string{image.Frontend}, Stage: image.StageTest,
	})
	if err != nil {
		return fmt.Errorf("tests of the frontend: %w", err)
	}
	return nil
}

// backend runs its integration tests on a PostgreSQL and a Redis of their own, made from
// the images that production runs.
func (c *Checks) backend(ctx context.Context, e *engine.Client) (err error) {
	list, err := image.Build(ctx, image.BuildOptions{
		Settings: c.Settings, Engine: e, Err: c.Err, Names: []string{image.Postgres, image.Redis},
	})
	if err != nil {
		return err
	}
	const password = "a-password-for-tests-only"
	// What a killed run leaves, the next tests' sweep removes; another run has its own.
	labels := map[string]string{runid.Label: runid.ID()}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err != nil {
			err = errors.Join(err, c.showLogs(clean, e, labels))
		}
		_, cleanErr := e.RemoveByLabel(clean, labels, engine.RemoveOptions{})
		err = errors.Join(err, cleanErr)
	}()
	db, err := c.start(ctx, e, engine.Spec{
		Image: list[0].Ref, Labels: labels, Env: []string{"POSTGRES_PASSWORD=" + password},
		Attach: []engine.Attach{{Network: "bridge"}}, Publish: []engine.Port{{Container: 5432, HostIP: "127.0.0.1"}},
	}, 5432)
	if err != nil {
		return fmt.Errorf("starting PostgreSQL for the backend's tests: %w", err)
	}
	redis, err := c.start(ctx, e, engine.Spec{
		Image: list[1].Ref, Labels: labels, Env: []string{"REDIS_PASSWORD=" + password},
		Attach: []engine.Attach{{Network: "bridge"}}, Publish: []engine.Port{{Container: 6379, HostIP: "127.0.0.1"}},
	}, 6379)
	if err != nil {
		return fmt.Errorf("starting Redis for the backend's tests: %w", err)
	}
	dir := c.modules()[1].Dir
	addresses := []string{
		"TEST_DATABASE_URL=" + (&url.URL{Scheme: "postgres", User: url.UserPassword("postgres", password), Host: db, Path: "/postgres", RawQuery: "sslmode=disable"}).String(),
		"TEST_REDIS_URL=" + (&url.URL{Scheme: "redis", User: url.UserPassword("default", password), Host: redis, Path: "/0"}).String(),
	}
	if err := c.goTest(ctx, dir, addresses, "-race", "-tags=integration", "-p=1", "./..."); err != nil {
		return fmt.Errorf("integration tests of the backend: %w", err)
	}
	return nil
}

// showLogs prints what the containers with these labels said last.
func (c *Checks) showLogs(ctx context.Context, e *engine.Client, labels map[string]string) error {
	list, err := e.Containers(ctx, engine.Filter{Labels: labels})
	for _, one := range list {
		c.say("container %s (%s): %s %s", one.Name, one.Image, one.State, one.Health)
		err = errors.Join(err, e.Logs(ctx, one.ID, engine.LogOptions{Tail: 60}, func(l engine.LogLine) error {
			c.say("    %s", l.Text)
			return nil
		}))
	}
	return err
}

// start runs a container, waits until it is healthy and returns where its port is.
func (c *Checks) start(ctx context.Context, e *engine.Client, s engine.Spec, port int) (string, error) {
	id, err := e.Create(ctx, s)
	if err != nil {
		return "", err
	}
	if err := e.Start(ctx, id); err != nil {
		return "", err
	}
	healthy, err := e.WaitHealthy(ctx, id)
	if err != nil {
		return "", err
	}
	at, ok := healthy.Published(port)
	if !ok {
		return "", fmt.Errorf("container %s publishes no port %d", healthy.Name, port)
	}
	return at.String(), nil
}

// EndToEnd runs the tests that drive the whole stack with a browser, which is installed
// where it is missing; of the tests of faults as many as one waits for.
func (c *Checks) EndToEnd(ctx context.Context) error {
	return c.endToEnd(ctx, c.goTestAgain, tagE2E, "-short", integrationTimeout)
}

// tester runs the tests of packages, with more in its environment.
type tester func(ctx context.Context, extra, packages []string, args ...string) error

func (c *Checks) endToEnd(ctx context.Context, test tester, tags, which, timeout string) error {
	start := time.Now()
	browser, err := setup.EnsureBrowser(ctx, c.setup())
	if err != nil {
		return err
	}
	err = test(ctx, []string{"DRYDOCK_BROWSER=" + browser}, e2ePackages,
		"-race", "-tags="+tags, "-count=1", "-p=1", "-timeout="+timeout, which)
	if err != nil {
		return fmt.Errorf("end-to-end tests: %w", err)
	}
	c.say("end-to-end tests passed in %s", time.Since(start).Round(time.Second))
	return nil
}
