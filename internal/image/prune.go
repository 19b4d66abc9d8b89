package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"drydock/internal/engine"
)

// Bin is the part of an engine that images are removed from.
type Bin interface {
	Shelf
	RemoveImage(ctx context.Context, ref string) error
	DiskUsage(ctx context.Context) (engine.DiskUsage, error)
}

// PruneOptions says how to prune.
type PruneOptions struct {
	Rules   PruneRules // Now is the present unless it is set
	DryRun  bool
	Cache   *CacheRules // nil leaves BuildKit's cache alone
	Narrate io.Writer
}

// PruneReport is what was done, or would be; the JSON names are stable.
type PruneReport struct {
	DryRun    bool          `json:"dry_run"`
	Images    []PrunedImage `json:"images"`
	Reclaimed int64         `json:"reclaimed"` // bytes of image layers; in a dry run the most that it can be
	Cache     int64         `json:"cache"`     // bytes of build cache, likewise
	Bound     *CacheBound   `json:"cache_bound,omitempty"`
}

// PrunedImage is one image of a report.
type PrunedImage struct {
	Name   string   `json:"name"`
	Target string   `json:"target"`
	Tags   []string `json:"tags"`
	ID     string   `json:"id"`
	Size   int64    `json:"size"`
	Action string   `json:"action"` // keep or remove
	Reason string   `json:"reason"`

	repo string // where our tags of it are
}

// Prune removes what the plan says. An image that came into use meanwhile stays
// and is reported as kept; whatever else goes wrong with one image does not keep
// the others from going, and is in the error.
func Prune(ctx context.Context, bin Bin, opts PruneOptions) (PruneReport, error) {
	images, err := StoredImages(ctx, bin)
	if err != nil {
		return PruneReport{}, err
	}
	if opts.Rules.Now.IsZero() {
		opts.Rules.Now = time.Now()
	}
	plan := PlanPrune(images, opts.Rules)
	report := PruneReport{DryRun: opts.DryRun}
	if opts.Cache != nil {
		report.Bound = opts.Cache.bound()
	}
	if opts.DryRun {
		if opts.Cache != nil {
			usage, err := bin.DiskUsage(ctx)
			if err != nil {
				return report, err
			}
			report.Cache = opts.Cache.estimate(usage, opts.Rules.Now)
		}
		for _, v := range plan {
			if !v.Kept {
				report.Reclaimed += v.Size
			}
		}
		report.Images = prunedImages(plan, opts.Rules.Prefix)
		return report, nil
	}
	before, err := bin.DiskUsage(ctx)
	if err != nil {
		return report, err
	}
	errs := []error{removeAll(ctx, bin, plan, &lines{w: opts.Narrate})}
	report.Images = prunedImages(plan, opts.Rules.Prefix)
	after, err := bin.DiskUsage(ctx)
	if err == nil {
		report.Reclaimed = max(before.Layers-after.Layers, 0)
	}
	errs = append(errs, err)
	if opts.Cache != nil {
		report.Cache, err = opts.Cache.prune(ctx)
		errs = append(errs, err)
	}
	return report, errors.Join(errs...)
}

// removeAll works from the top down, so that no image stands on another that is
// to go, and writes into the plan what had to stay after all.
func removeAll(ctx context.Context, bin Bin, plan []Verdict, say *lines) error {
	order := make([]*Verdict, 0, len(plan))
	for i := range plan {
		if !plan[i].Kept {
			order = append(order, &plan[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *Verdict) int { return cmp.Compare(len(b.Layers), len(a.Layers)) })
	var errs []error
	for _, v := range order {
		if ctx.Err() != nil {
			v.keep("not reached")
			errs = append(errs, context.Cause(ctx))
			continue
		}
		why, err := remove(ctx, bin, v.Stored)
		switch {
		case err != nil:
			v.keep("could not be removed")
			errs = append(errs, err)
		case why != "":
			v.keep(why)
			say.printf("kept %s: %s", v.label(), why)
		default:
			say.printf("removed %s: %s", v.label(), v.Reason)
		}
	}
	return errors.Join(errs...)
}

// remove takes the tags off one image, which removes it with the last; why says
// what kept it from going.
func remove(ctx context.Context, bin Bin, s Stored) (why string, err error) {
	names := s.Refs
	if len(names) == 0 {
		names = []string{s.ID}
	}
	for _, name := range names {
		// A build may have moved the tag, or tagged the leftover, since the plan.
		now, err := bin.Image(ctx, name)
		switch {
		case errors.Is(err, engine.ErrNotFound):
			continue
		case err != nil:
			return "", err
		case now.ID != s.ID, name == s.ID && len(now.Tags) > 0:
			return "tagged anew meanwhile", nil
		}
		err = bin.RemoveImage(ctx, name)
		if errors.Is(err, engine.ErrConflict) {
			return "came into use meanwhile", nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

func prunedImages(plan []Verdict, prefix string) []PrunedImage {
	out := make([]PrunedImage, 0, len(plan))
	for _, v := range plan {
		p := PrunedImage{Name: v.Name, Target: v.Target, Tags: append([]string{}, v.Refs...), ID: v.ID, Size: v.Size, Action: "remove", Reason: v.Reason, repo: prefix + "/" + v.Name}
		if v.Kept {
			p.Action = "keep"
		}
		out = append(out, p)
	}
	return out
}

// WritePrune writes a report as a table, or as JSON when format is json.
func WritePrune(w io.Writer, r PruneReport, format string) error {
	if format == "json" {
		return writeJSON(w, r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	removed := 0
	for _, p := range r.Images {
		if p.Action == "remove" {
			removed++
		}
		// Errors come from Flush.
		_, _ = fmt.Fprintln(t, strings.Join([]string{p.Action, p.Name, dash(p.Target), tagsOf(p.Tags, p.repo), short(p.ID), size(p.Size), p.Reason}, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	text := fmt.Sprintf("%d of %d images removed, %s reclaimed", removed, len(r.Images), size(r.Reclaimed))
	if r.DryRun {
		text = fmt.Sprintf("%d of %d images would be removed, at most %s reclaimed", removed, len(r.Images), size(r.Reclaimed))
	}
	if _, err := fmt.Fprintln(w, text); err != nil || r.Bound == nil {
		return err
	}
	_, err := fmt.Fprintln(w, r.Bound.sentence(r))
	return err
}
