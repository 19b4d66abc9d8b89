package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	units "github.com/docker/go-units"
)

// Row is one image of ours as image:list shows it; the JSON names are stable.
type Row struct {
	Name    string    `json:"name"`
	Target  string    `json:"target"`
	Version string    `json:"version"`
	Tags    []string  `json:"tags"` // whole references
	Input   string    `json:"input"`
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Age     *int64    `json:"age_seconds"` // of the commit; null when it is not known: changed files, no git, a shallow clone
	Since   time.Time `json:"since"`       // when this engine last named it, which is what prune goes by
	Size    int64     `json:"size"`
	Runs    []Run     `json:"runs"`
	Kept    bool      `json:"kept"`   // by the next image:prune
	Reason  string    `json:"reason"` // why it is kept, or not

	repo string // where our tags of it are
}

// Run is a container made from an image.
type Run struct {
	Container string `json:"container"`
	Project   string `json:"project"`
	Running   bool   `json:"running"`
}

// List describes every image under IMAGE_PREFIX in an engine, with what the next
// prune would do to it under these rules. Others are how many images of Drydock's
// there are whose tags all have another prefix; prune leaves those alone, too.
func List(ctx context.Context, shelf Shelf, rules PruneRules, now time.Time) (rows []Row, others int, err error) {
	images, err := StoredImages(ctx, shelf)
	if err != nil {
		return nil, 0, err
	}
	rules.Now = now
	plan := PlanPrune(images, rules)
	ours := slices.DeleteFunc(plan, func(v Verdict) bool { return elsewhere(v.Stored, rules.Prefix) })
	return rowsOf(ours, rules.Prefix, now), len(images) - len(ours), nil
}

// elsewhere says whether an image has tags, and none of them is ours. A leftover without a
// tag may be anybody's; prune takes it.
func elsewhere(s Stored, prefix string) bool {
	return len(s.Refs) > 0 && !slices.ContainsFunc(s.Refs, func(ref string) bool {
		repo, _ := splitRef(ref)
		return repo == prefix+"/"+s.Name
	})
}

func rowsOf(plan []Verdict, prefix string, now time.Time) []Row {
	rows := make([]Row, 0, len(plan))
	for _, v := range plan {
		r := Row{
			Name: v.Name, Target: v.Target, Version: v.Version, Tags: append([]string{}, v.Refs...), Input: v.Input, ID: v.ID,
			Created: v.Created.UTC(), Since: v.Tagged.UTC(), Size: v.Size,
			Runs: []Run{}, Kept: v.Kept, Reason: v.Reason, repo: prefix + "/" + v.Name,
		}
		if v.Dated {
			age := int64(now.Sub(v.Created).Seconds())
			r.Age = &age
		}
		for _, u := range v.Users {
			r.Runs = append(r.Runs, Run(u))
		}
		slices.SortFunc(r.Runs, func(a, b Run) int { return strings.Compare(a.Container, b.Container) })
		rows = append(rows, r)
	}
	return rows
}

// WriteList writes the rows as a table, or as JSON when format is json.
func WriteList(w io.Writer, rows []Row, format string) error {
	if format == "json" {
		return writeJSON(w, rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "no images of Drydock's in this engine: `go tool mage build` makes them")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) {
		// tabwriter keeps what it is given; errors come from Flush.
		_, _ = fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	line("NAME", "TARGET", "TAG", "INPUT", "ID", "COMMITTED", "SIZE", "HERE SINCE", "RUNS IN", "KEPT BY")
	for _, r := range rows {
		reason := r.Reason
		if !r.Kept {
			reason = "- (" + r.Reason + ")"
		}
		age, since := "unknown", "-"
		if r.Age != nil {
			age = units.HumanDuration(time.Duration(*r.Age)*time.Second) + " ago"
		}
		if !r.Since.IsZero() {
			since = r.Since.Local().Format("2006-01-02 15:04")
		}
		line(r.Name, dash(r.Target), tagsOf(r.Tags, r.repo), dash(short(r.Input)), short(r.ID),
			age, size(r.Size), since, dash(runsOf(r.Runs)), reason)
	}
	return t.Flush()
}

// manyTags is how many tags of one image a table shows.
const manyTags = 3

// tagsOf shows our tags without the name, which has a column of its own.
func tagsOf(refs []string, repo string) string {
	tags := make([]string, 0, len(refs))
	for _, ref := range refs {
		tags = append(tags, strings.TrimPrefix(ref, repo+":"))
	}
	if more := len(tags) - manyTags; more > 0 {
		tags = append(tags[:manyTags], fmt.Sprintf("and %d more", more))
	}
	return dash(strings.Join(tags, ", "))
}

func runsOf(runs []Run) string {
	cells := make([]string, 0, len(runs))
	for _, r := range runs {
		cell := r.Container
		if r.Project != "" && !strings.HasPrefix(r.Container, r.Project) {
			cell = r.Project + "/" + r.Container
		}
		if !r.Running {
			cell += " (stopped)"
		}
		cells = append(cells, cell)
	}
	return strings.Join(cells, ", ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
