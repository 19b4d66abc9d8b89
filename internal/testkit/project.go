package testkit

import (
	"context"
	"errors"
	"testing"

	"drydock/internal/engine"
	"drydock/internal/testkit/runid"
)

// labelProject is on a volume that stands for a whole compose project: compose puts its
// own labels on what it makes, not ours, and after a crash something has to say whose
// the project was.
const labelProject = "drydock.test.project"

// Project returns a unique name for PROJECT. When the test ends (or, after a crash, when
// the next test binary starts) everything of the compose projects NAME, NAME-blue and
// NAME-green and everything with the label drydock.project=NAME is removed, volumes too;
// images stay. If the test failed, the containers' logs are printed first.
func Project(t testing.TB, base string) string {
	t.Helper()
	c := Engine(t)
	name := Name(t, base)
	labels := map[string]string{Label: runid.ID(), LabelTest: t.Name(), labelProject: name}
	if _, err := c.EnsureVolume(t.Context(), name+"-testkit", labels); err != nil {
		t.Fatalf("making a scratch project: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanTime)
		defer cancel()
		if t.Failed() {
			for _, l := range projectLabels(name) {
				printLogs(ctx, t, c, engine.Filter{Labels: l})
			}
		}
		if err := removeProject(ctx, c, name); err != nil {
			t.Errorf("cleaning up project %s: %v", name, err)
		}
	})
	return name
}

func projectLabels(name string) []map[string]string {
	const compose = "com.docker.compose.project"
	return []map[string]string{
		{compose: name}, {compose: name + "-blue"}, {compose: name + "-green"}, {"drydock.project": name},
	}
}

// removeProject removes containers of all parts before any network, which they share,
// and the volume that stands for the project last: killed in between, the next run
// finds it again.
func removeProject(ctx context.Context, c *engine.Client, name string) error {
	var errs []error
	for _, l := range projectLabels(name) {
		list, err := c.Containers(ctx, engine.Filter{Labels: l})
		errs = append(errs, err)
		for _, one := range list {
			errs = append(errs, c.Remove(ctx, one.ID))
		}
	}
	for _, l := range projectLabels(name) {
		_, err := c.RemoveByLabel(ctx, l, engine.RemoveOptions{})
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.RemoveVolume(ctx, name+"-testkit")
}
