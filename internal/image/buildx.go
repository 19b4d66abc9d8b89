package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// buildx builds the jobs in parallel, each with a command of its own. (One `buildx bake`
// would do, but those before 0.14 drop the network of a target without a word, later
// ones want to be allowed it, and read ${...} in any value as a template. BuildKit shares
// equal steps between builds all the same.)
func (b *builder) buildx(ctx context.Context, jobs []*job) error {
	secrets, err := secretsOf(b.Settings, b.dir)
	if err != nil {
		return err
	}
	out := run.Locked(b.Err)
	group, gctx := errgroup.WithContext(ctx)
	for _, j := range jobs {
		group.Go(func() error { return b.buildOne(gctx, j, secrets, out) })
	}
	return group.Wait()
}

func (b *builder) buildOne(ctx context.Context, j *job, secrets []string, out io.Writer) error {
	name := j.in.Recipe.Name
	cmd := run.Cmd{
		Name: "docker", Args: b.buildArgs(j, secrets), Dir: b.dir, Env: b.cliEnv(), Redact: mirrorSecrets(b.Settings.Build),
	}
	var shown io.WriteCloser = run.NewPrefixWriter(out, name+" | ")
	if !b.Settings.Options.Plain {
		// A person gets a line for each step; the whole output would be pages.
		shown = newSteps(out, name)
	}
	report := newBuildReport(shown)
	cmd.Stdout, cmd.Stderr = report, report
	err := run.Run(ctx, cmd)
	closeErr := errors.Join(report.Close(), shown.Close())
	if err != nil {
		err = fmt.Errorf("building %s: %w", name, report.explain(err))
	}
	return errors.Join(err, closeErr)
}

// buildArgs are the arguments of the docker command for one job:
// https://docs.docker.com/reference/cli/docker/buildx/build/
func (b *builder) buildArgs(j *job, secrets []string) []string {
	args := []string{"buildx", "build", "--builder", "default", "--progress", "plain", "--load", "--file", j.file, "--tag", j.working}
	if j.in.Stage != "" {
		args = append(args, "--target", j.in.Stage)
	}
	given := b.args(j)
	for _, k := range slices.Sorted(maps.Keys(given)) {
		args = append(args, "--build-arg", k+"="+given[k])
	}
	for _, k := range slices.Sorted(maps.Keys(inTheMaking)) {
		args = append(args, "--label", k+"="+inTheMaking[k])
	}
	for _, secret := range secrets {
		args = append(args, "--secret", secret)
	}
	if b.Settings.Build.Network == "host" {
		args = append(args, "--network", "host")
	}
	if b.NoCache && !groundwork(j.in.Recipe.Name) {
		args = append(args, "--no-cache")
	}
	return append(args, j.context)
}

// cliEnv is the environment of the docker command.
func (b *builder) cliEnv() []string {
	return append(b.Settings.Inherited(), append(b.Engine.CLIEnv(),
		"BUILDX_NO_DEFAULT_ATTESTATIONS=1", // they would give an image another id each time
		// The builder inside of the engine: only it has the engine's images to build on.
		"BUILDX_BUILDER=default")...)
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
	files, err := j.origin.fileTime(j.hash)
	if err != nil {
		return err
	}
	labels, err := b.labels(j)
	if err != nil {
		return err
	}
	n := normal{Base: baseLayers(layers, b.candidates(j)), Epoch: j.origin.Time, Files: files, Labels: labels}
	if n.Base == 0 && !j.in.Parsed.fromScratch(j.in.Stage, j.in.Recipe.Args) {
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
func (b *builder) labels(j *job) (map[string]string, error) {
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
	return l, b.standsOn(j.in).label(l)
}

var _ Builder = (*engine.Client)(nil)
