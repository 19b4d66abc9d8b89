//go:build integration

package stack

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/testkit"
)

// raisedFiles is a project of two services, as small as one that has everything: a health check, a file
// that it names, values, a network.
var raisedFiles = map[string]string{
	"project.yaml": `services:
  one:
    extends: {file: common.yaml, service: common}
    environment: {VALUE: "${VALUE}"}
    env_file: [one.env]
    networks: [net]
  two:
    extends: {file: common.yaml, service: common}
    networks: [net]
networks:
  net: {}
`,
	"common.yaml": `services:
  common:
    image: ${IMAGE}
    command: ["sh", "-c", "sleep 600"]
    stop_grace_period: 0s
    healthcheck: {test: ["CMD", "sh", "-c", "true"], interval: 1s}
`,
	"one.env": "IN_FILE=1\n",
}

// What compose has left is not looked at by compose again, and whatever it would mend is.
func TestRaiseAsksComposeOnlyWhatItCouldMend(t *testing.T) {
	t.Parallel()
	ctx, e, dir := t.Context(), testkit.Engine(t), t.TempDir()
	image := testkit.Name(t, "raise-image")
	require.NoError(t, e.Tag(ctx, testkit.ShellImage(t), image))
	t.Cleanup(func() { assert.NoError(t, e.RemoveImage(context.Background(), image)) }) // after its containers
	project := testkit.Project(t, "raise")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	for name, text := range raisedFiles {
		write(name, text)
	}
	said := &bytes.Buffer{}
	s := &Stack{Settings: &env.Settings{Env: "dev", Project: project, Root: dir, Options: env.Options{Plain: true}}, Engine: e, Err: said}
	p := compose.Project{
		Name: project, Dir: dir, Files: []string{filepath.Join(dir, "project.yaml")}, Env: []string{"VALUE=1", "IMAGE=" + image},
		Override: []byte("networks: {net: {labels: {made-for: a-test}}}\n"),
	}
	running := func() map[string]engine.Container {
		t.Helper()
		list, err := e.Containers(ctx, engine.OfProject(project))
		require.NoError(t, err)
		all := map[string]engine.Container{}
		for _, c := range list {
			all[c.Service()] = c
		}
		require.Len(t, all, 2)
		return all
	}
	// raise says whether compose was asked.
	raise := func() bool {
		t.Helper()
		said.Reset()
		same, err := s.raise(ctx, p, time.Minute)
		require.NoError(t, err, "%s", said)
		for name, c := range running() {
			assert.False(t, ailing(c), name)
		}
		assert.Equal(t, same, strings.Contains(said.String(), "nothing to do"), "%s", said)
		return !same
	}
	require.True(t, raise(), "there is nothing yet")
	require.False(t, raise(), "%s", said)

	for _, c := range []struct {
		what    string
		change  func(map[string]engine.Container)
		another bool // `one` is made anew
	}{
		{"another value", func(map[string]engine.Container) { p.Env[0] = "VALUE=2" }, true},
		{"another value in a file", func(map[string]engine.Container) { write("one.env", "IN_FILE=2\n") }, true},
		{"an edited file", func(map[string]engine.Container) {
			write("common.yaml", strings.Replace(raisedFiles["common.yaml"], "600", "601", 1))
		}, true},
		{"a container is gone", func(c map[string]engine.Container) { require.NoError(t, e.Remove(ctx, c["one"].ID)) }, true},
		{"a container has ended", func(c map[string]engine.Container) { require.NoError(t, e.Stop(ctx, c["one"].ID, 0)) }, false},
		{"a container is off its network", func(c map[string]engine.Container) {
			require.NoError(t, e.Disconnect(ctx, project+"_net", c["one"].ID))
		}, false},
		{"the image's name means another one", func(map[string]engine.Container) {
			build := exec.Command("docker", "build", "--quiet", "--tag", image, "-")
			build.Stdin = strings.NewReader("FROM " + testkit.ShellImage(t) + "\nLABEL another=image\n")
			out, err := build.CombinedOutput()
			require.NoError(t, err, "%s", out)
		}, true},
		{"what was noted is of another version", func(map[string]engine.Container) {
			require.NoError(t, os.WriteFile(s.raisedFile(project), []byte("{"), 0o600))
		}, false},
		{"the note cannot be read, nor written", func(map[string]engine.Container) {
			require.NoError(t, os.Remove(s.raisedFile(project)))
			require.NoError(t, os.MkdirAll(filepath.Join(s.raisedFile(project), "x"), 0o755))
			require.True(t, raise(), "it is brought up all the same")
			require.Contains(t, said.String(), "the next up of "+project+" takes longer: noting how "+project+" is left: ")
			require.NoError(t, os.RemoveAll(s.raisedFile(project)))
		}, false},
		{"nothing was noted", func(map[string]engine.Container) { require.NoError(t, os.Remove(s.raisedFile(project))) }, false},
	} {
		before := running()
		c.change(before)
		require.True(t, raise(), c.what)
		assert.Equal(t, c.another, before["one"].ID != running()["one"].ID, c.what)
		require.False(t, raise(), "%s, again: %s", c.what, said)
	}
}
