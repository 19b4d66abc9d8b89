package image

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// bakeTarget is one build as `docker buildx bake` reads it:
// https://docs.docker.com/build/bake/reference/
type bakeTarget struct {
	Context    string            `json:"context"`
	Dockerfile string            `json:"dockerfile"`
	Target     string            `json:"target,omitempty"`
	Args       map[string]string `json:"args"`
	Tags       []string          `json:"tags"`
	Labels     map[string]string `json:"labels"`
	Secret     []string          `json:"secret"`
	Output     []string          `json:"output"`
	Network    string            `json:"network,omitempty"`
	NoCache    bool              `json:"no-cache,omitempty"`
}

// bake builds the jobs in parallel. One call of bake shows them all in one display.
func (b *builder) bake(ctx context.Context, jobs []*job) error {
	secrets, err := secretsOf(b.Settings, b.dir)
	if err != nil {
		return err
	}
	targets := map[string]bakeTarget{}
	var names []string
	for _, j := range jobs {
		t := bakeTarget{
			Context: j.context, Dockerfile: j.file, Target: j.in.Stage, Args: b.args(j), Tags: []string{j.working},
			Labels: inTheMaking, Secret: secrets, Output: []string{"type=docker"}, NoCache: b.NoCache && !groundwork(j.in.Recipe.Name),
		}
		if b.Settings.Build.Network == "host" {
			t.Network = "host"
		}
		targets[j.in.Recipe.Name] = t
		names = append(names, j.in.Recipe.Name)
	}
	text, err := json.Marshal(map[string]any{"target": literal(targets)})
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "bake.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	args := []string{"buildx", "bake", "--builder", "default", "--file", file, "--progress", "plain"}
	allow, err := b.entitlements(ctx)
	if err != nil {
		return err
	}
	args = append(append(args, allow...), names...)
	out := b.Err
	if !b.Settings.Options.Plain {
		// A person gets a line for each step; the whole output would be pages.
		steps := newSteps(b.Err)
		defer steps.Close()
		out = steps
	}
	err = run.Run(ctx, run.Cmd{
		Name: "docker", Args: args, Dir: b.dir, Env: b.cliEnv(), Stdout: out, Stderr: out, Redact: mirrorSecrets(b.Settings.Build),
	})
	if err != nil {
		return fmt.Errorf("building %s: %w", strings.Join(names, ", "), err)
	}
	return nil
}

// cliEnv is the environment of the docker command.
func (b *builder) cliEnv() []string {
	return append(b.Settings.Inherited(), append(b.Engine.CLIEnv(),
		"BUILDX_NO_DEFAULT_ATTESTATIONS=1", // they would give an image another id each time
		// The builder inside of the engine: only it has the engine's images to build on.
		"BUILDX_BUILDER=default",
		// bake since 0.19 asks before it reads files outside of the working folder.
		"BUILDX_BAKE_ENTITLEMENTS_FS=0")...)
}

// entitlements are the flags that bake since 0.17 wants for the host's network, and
// which it did not know before.
func (b *builder) entitlements(ctx context.Context) ([]string, error) {
	if b.Settings.Build.Network != "host" {
		return nil, nil
	}
	help, err := run.Output(ctx, run.Cmd{Name: "docker", Args: []string{"buildx", "bake", "--help"}, Env: b.cliEnv()})
	if err != nil {
		return nil, fmt.Errorf("asking what docker buildx can do: %w", err)
	}
	if !strings.Contains(string(help), "--allow") {
		return nil, nil
	}
	return []string{"--allow", "network.host"}, nil
}

// literal escapes what bake would replace in a string: a bake file in JSON is HCL, where
// ${...} and %{...} are templates.
// https://github.com/hashicorp/hcl/blob/v2.24.0/json/spec.md#string-literals
func literal(targets map[string]bakeTarget) map[string]bakeTarget {
	fix := strings.NewReplacer("${", "$${", "%{", "%%{").Replace
	all := func(list []string) []string {
		out := make([]string, 0, len(list))
		for _, s := range list {
			out = append(out, fix(s))
		}
		return out
	}
	out := map[string]bakeTarget{}
	for name, t := range targets {
		t.Context, t.Dockerfile, t.Target = fix(t.Context), fix(t.Dockerfile), fix(t.Target)
		t.Tags, t.Secret, t.Output = all(t.Tags), all(t.Secret), all(t.Output)
		args := map[string]string{}
		for k, v := range t.Args {
			args[k] = fix(v)
		}
		t.Args = args
		out[name] = t
	}
	return out
}

// complete turns what BuildKit made into the final image: normalised, labelled, tagged.
func (b *builder) complete(ctx context.Context, j *job) error {
	made, err := save(ctx, b.Engine, j.working)
	if err != nil {
		return err
	}
	defer func() { _ = made.Close() }() // an unlinked file that was only read
	layers := make([]string, 0, len(made.Layers))
	for _, l := range made.Layers {
		layers = append(layers, l.DiffID)
	}
	n := normal{Base: baseLayers(layers, b.candidates(j)), Epoch: j.origin.Time, Labels: b.labels(j)}
	if n.Base == 0 && !j.in.Parsed.fromScratch(j.in.Stage) {
		// The user's own base, whose layers cannot be told from the ones above: rewriting
		// them all would keep the engine from sharing them.
		n.Base = len(layers)
	}
	if j.in.Probe {
		probe, err := save(ctx, b.Engine, b.done(probeName).ID)
		if err != nil {
			return err
		}
		defer func() { _ = probe.Close() }() // as above
		n.Probe = probe.Layers
	}
	out, err := normalise(ctx, &made.content, n, b.dir)
	if err != nil {
		return err
	}
	reference, _, err := b.name(ctx, j.in, j.hash)
	if err != nil {
		return err
	}
	id, err := b.load(ctx, out, n.Base, reference)
	if err != nil {
		return err
	}
	return b.finish(ctx, j.in, j.hash, id, true)
}

// load gives the image to the engine under its final tag, without the layers of its base,
// which the engine has. An engine with a content store wants them all the same.
func (b *builder) load(ctx context.Context, c *content, base int, tag string) (string, error) {
	var diffIDs []string
	for _, l := range c.Layers[:base] {
		diffIDs = append(diffIDs, l.DiffID)
	}
	have := map[string]bool{}
	for _, chain := range chainIDs(diffIDs) {
		have[chain] = true
	}
	_, left, _, err := load(ctx, b.Engine, c, tag, have, false)
	if err != nil && left > 0 && ctx.Err() == nil {
		_, _, _, err = load(ctx, b.Engine, c, tag, nil, false)
	}
	if err != nil {
		return "", err
	}
	found, err := b.Engine.Image(ctx, tag)
	if err != nil {
		return "", err
	}
	return found.ID, nil
}

// labels are what every image of ours says of itself. They come from the input and the
// commit that it is from, so that they do not break reproducibility.
func (b *builder) labels(j *job) map[string]string {
	r := j.in.Recipe
	l := map[string]string{
		labelImage: r.Name, labelInput: j.hash, labelTarget: stageName(j.in.Stage),
		"org.opencontainers.image.title": "drydock " + r.Name,
		labelCreated:                     j.origin.Time.UTC().Format(time.RFC3339),
	}
	l[labelVersion] = j.origin.Version
	if j.origin.Revision != "" {
		l["org.opencontainers.image.revision"] = j.origin.Revision
	}
	if r.Root != "" {
		l[labelRoot] = j.in.From.String()
	}
	return l
}

var _ Builder = (*engine.Client)(nil)
