package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

const (
	probeName     = "probe"
	probeArgument = "PROBE" // not one of a Dockerfile: the build puts the layer on top itself
)

// probeCheck is the HEALTHCHECK of an image that has none: the probe asks $HEALTH_PATH
// on $PORT, both of which compose sets. Durations are nanoseconds, as in every image's
// configuration.
var probeCheck = map[string]any{
	"Test":        []any{"CMD", "/.drydock/probe"},
	"Interval":    5 * time.Second,
	"Timeout":     3 * time.Second,
	"StartPeriod": 30 * time.Second,
	"Retries":     3,
}

// withProbe puts the probe on top of an image and declares it as the health check, unless
// the image has one after all (inherited from a base that we know nothing of).
func withProbe(c *content, probe []blob, epoch time.Time) (*content, error) {
	var cfg map[string]any
	d := json.NewDecoder(bytes.NewReader(c.Config))
	d.UseNumber() // a float would not hold every number
	if err := d.Decode(&cfg); err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	inner, _ := cfg["config"].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
	}
	if check, _ := inner["Healthcheck"].(map[string]any); check != nil {
		if test, _ := check["Test"].([]any); len(test) > 0 && test[0] != "NONE" {
			return c, nil
		}
	}
	inner["Healthcheck"] = probeCheck
	cfg["config"] = inner
	out := &content{Layers: append(append([]blob(nil), c.Layers...), probe...)}
	diffIDs := make([]any, 0, len(out.Layers))
	for _, l := range out.Layers {
		diffIDs = append(diffIDs, l.DiffID)
	}
	cfg["rootfs"] = map[string]any{"type": "layers", "diff_ids": diffIDs}
	steps, _ := cfg["history"].([]any)
	for range probe {
		steps = append(steps, map[string]any{
			"created": epoch.UTC().Format(time.RFC3339), "created_by": `HEALTHCHECK CMD ["/.drydock/probe"]`, "comment": "drydock",
		})
	}
	cfg["history"] = steps
	var err error
	out.Config, err = json.Marshal(cfg)
	return out, err
}

// deriveReady makes an image with a health check from one that a setting names. It is
// otherwise the same image, and it is made once.
func (b *builder) deriveReady(ctx context.Context, in *input) error {
	r, hash := in.Recipe, in.Hash()
	b.say("%s: %s has no health check; adding the probe", r.Name, r.Ready)
	from, err := save(ctx, b.Engine, in.Images[readyArgument])
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // an unlinked file that was only read
	probe, err := save(ctx, b.Engine, b.done(probeName).ID)
	if err != nil {
		return err
	}
	defer func() { _ = probe.Close() }() // as above
	cfg, err := from.parse()
	if err != nil {
		return err
	}
	out, err := withProbe(&from.content, probe.Layers, cfg.Created)
	if err != nil {
		return err
	}
	labels := map[string]string{
		labelImage: r.Name, labelInput: hash, labelTarget: StageProd, labelCreated: cfg.Created.UTC().Format(time.RFC3339),
	}
	if err := b.standsOn(in).label(labels); err != nil {
		return err
	}
	if out.Config, err = addLabels(out.Config, labels); err != nil {
		return err
	}
	reference, _, err := b.name(ctx, in, hash)
	if err != nil {
		return err
	}
	id, err := b.load(ctx, out, len(from.Layers), reference)
	if err != nil {
		return err
	}
	return b.finish(ctx, in, hash, id, true)
}

func addLabels(config []byte, more map[string]string) ([]byte, error) {
	var cfg map[string]any
	d := json.NewDecoder(bytes.NewReader(config))
	d.UseNumber()
	if err := d.Decode(&cfg); err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	inner, _ := cfg["config"].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
	}
	labels, _ := inner["Labels"].(map[string]any)
	if labels == nil {
		labels = map[string]any{}
	}
	for k, v := range more {
		labels[k] = v
	}
	inner["Labels"], cfg["config"] = labels, inner
	return json.Marshal(cfg)
}
