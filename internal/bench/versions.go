package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"

	"drydock/internal/engine"
	"drydock/internal/image"
	"drydock/internal/run"
)

// Tool is something besides ours that takes part in a run.
type Tool struct{ Name, Version string }

// Versions asks each tool that takes part for its version: those of this machine, and those of
// the images whose containers are measured. All are needed later, so that one that does not
// answer ends a run before its first hour.
func Versions(ctx context.Context, o Options) ([]Tool, error) {
	const what = "asking for the versions of the tools"
	images, err := image.Build(ctx, image.BuildOptions{Settings: o.Settings, Engine: o.Engine, Err: o.Err, Names: []string{nginxBase, image.Backup}, Stage: image.StageProd})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	refs := map[string]string{}
	for _, i := range images {
		refs[i.Name] = i.Ref
	}
	here := func(name string, args ...string) func() ([]byte, error) {
		return func() ([]byte, error) {
			// In the checkout, so that go.mod's toolchain line has its say.
			return run.Output(ctx, run.Cmd{Name: name, Args: args, Dir: o.Settings.Root, Env: append(o.Settings.Inherited(), o.Engine.CLIEnv()...)})
		}
	}
	within := func(name string, argv ...string) func() ([]byte, error) {
		return func() ([]byte, error) {
			var said bytes.Buffer // nginx tells its version on stderr
			labels := map[string]string{label: o.Settings.Project + "-bench"}
			err := o.Engine.RunOnce(ctx, engine.Spec{Image: refs[name], Entrypoint: argv[:1], Cmd: argv[1:], Labels: labels}, engine.Streams{Out: &said, Err: &said})
			return said.Bytes(), err
		}
	}
	var list []Tool
	for _, t := range []struct {
		name string
		ask  func() ([]byte, error)
	}{
		{"Go", here("go", "env", "GOVERSION")},
		{"compose", here("docker", "compose", "version", "--short")},
		{"buildx", here("docker", "buildx", "version")},
		{"nginx", within(nginxBase, "nginx", "-v")},
		{"wrk", usage(here(o.Wrk, "-v"))},
		{"pg_dump", within(image.Backup, "pg_dump", "--version")},
		{"pgBackRest", within(image.Backup, "pgbackrest", "version")},
	} {
		said, err := t.ask()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", what, t.name, err)
		}
		version := versionIn(said)
		if version == "" {
			return nil, fmt.Errorf("%s: what %s says has none: %q", what, t.name, bytes.TrimSpace(said))
		}
		list = append(list, Tool{t.name, version})
	}
	return list, nil
}

// usage is for wrk, which tells its version, then how it is used, and ends with 1.
func usage(ask func() ([]byte, error)) func() ([]byte, error) {
	return func() ([]byte, error) {
		said, err := ask()
		var e *run.Error
		if errors.As(err, &e) && e.Code == 1 && versionIn(said) != "" {
			err = nil
		}
		return said, err
	}
}

// A version that is not final is told from the one that it becomes: go1.26rc1, PostgreSQL 18beta2.
var toolVersion = regexp.MustCompile(`\d+(?:\.\d+)+(?:rc\d+|beta\d+)?|\d+(?:rc\d+|beta\d+|devel)`)

// versionIn finds the version in what a tool says of itself, without what a distribution adds.
func versionIn(said []byte) string { return string(toolVersion.Find(said)) }

var kernelVersion = regexp.MustCompile(`^\d+(\.\d+)*`)

// kernelOf is the version of a kernel without the name that its builder gave it.
func kernelOf(release string) string { return kernelVersion.FindString(release) }
