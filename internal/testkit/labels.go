package testkit

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"sync"
	"testing"

	"drydock/internal/engine"
	"drydock/internal/testkit/runid"
)

// Name returns a unique name for an object of the test, made from base: lower case
// letters, digits and dashes, at most 40 characters, good for containers, networks,
// volumes, compose projects and host names.
func Name(t testing.TB, base string) string {
	t.Helper()
	var b strings.Builder
	for _, r := range strings.ToLower(base) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
			b.WriteByte('-')
		}
	}
	clean := b.String()
	if len(clean) > 27 {
		clean = clean[:27]
	}
	clean = strings.Trim(clean, "-")
	if clean == "" {
		clean = "x"
	}
	return "ddt-" + clean + "-" + strings.ToLower(rand.Text()[:8])
}

// Label marks everything that a test makes; its value is the runid of its process.
const Label = runid.Label

// LabelTest holds the name of the test that made an object.
const LabelTest = Label + ".name"

// Labels returns the labels that everything the test makes has to carry, and sees to
// it that all of that is removed when the test ends. If the test failed, the last log
// lines of its containers are printed first.
func Labels(t testing.TB) map[string]string {
	t.Helper()
	labels := map[string]string{Label: runid.ID(), LabelTest: t.Name()}
	cleaned.Lock()
	defer cleaned.Unlock()
	if !cleaned.tests[t] {
		cleaned.tests[t] = true
		c := Engine(t)
		t.Cleanup(func() {
			cleaned.Lock()
			delete(cleaned.tests, t)
			cleaned.Unlock()
			clean(t, c, labels)
		})
	}
	return maps.Clone(labels)
}

// LabelOptions are Labels as options of the docker command.
func LabelOptions(t testing.TB) []string {
	t.Helper()
	return labelOptions(Labels(t))
}

func labelOptions(labels map[string]string) []string {
	var options []string
	for k, v := range labels {
		options = append(options, "--label", k+"="+v)
	}
	return options
}

var cleaned = struct {
	sync.Mutex
	tests map[testing.TB]bool
}{tests: map[testing.TB]bool{}}

func clean(t testing.TB, c *engine.Client, labels map[string]string) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanTime)
	defer cancel()
	if t.Failed() {
		printLogs(ctx, t, c, engine.Filter{Labels: labels})
	}
	if _, err := c.RemoveByLabel(ctx, labels, engine.RemoveOptions{Images: true}); err != nil {
		t.Errorf("cleaning up after the test: %v", err)
	}
}

// logLines is how much of a container's log a failed test shows.
const logLines = 60

func printLogs(ctx context.Context, t testing.TB, c *engine.Client, f engine.Filter) {
	list, err := c.Containers(ctx, f)
	if err != nil {
		t.Logf("the logs of the test's containers cannot be read: %v", err)
		return
	}
	for _, one := range list {
		if _, scratch := one.Labels[engine.LabelScratch]; scratch {
			continue
		}
		var b strings.Builder
		err := c.Logs(ctx, one.ID, engine.LogOptions{Tail: logLines}, func(l engine.LogLine) error {
			b.WriteString("\n    " + l.Text)
			return nil
		})
		if err != nil {
			b.WriteString("\n    (" + err.Error() + ")")
		}
		t.Logf("container %s (%s): %s %s, exit code %d%s", one.Name, one.Image, one.State, one.Health, one.ExitCode, b.String())
	}
}
