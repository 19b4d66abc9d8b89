package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"drydock/internal/deploy"
	"drydock/internal/plot"
	"drydock/internal/stack"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"time": func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format("2006-01-02 15:04")
	},
	"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"ms":      func(ms int64) string { return seconds(float64(ms) / 1000) },
	"seconds": seconds,
	"bytes":   func(n int64) string { return units.BytesSize(float64(n)) },
	"ubytes":  func(n uint64) string { return units.BytesSize(float64(n)) },
	"word":    word,
	"up":      func(s int64) string { return stack.Duration(time.Duration(s) * time.Second) },
	"short":   func(s string) string { return s[:min(len(s), 12)] },
}).Parse(pageHTML))

// style is the page's whole style sheet.
var style = pageCSS + plot.Style

// Policy is the page's own Content-Security-Policy: its one style sheet, by its hash, and
// nothing else. A name that broke out of its place still could load and run nothing.
func Policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// seconds writes a span as people say it: 0.4 s, 12 s, 3m5s.
func seconds(s float64) string {
	switch {
	case s == 0:
		return "0 s"
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	}
	return stack.Duration(time.Duration(s * float64(time.Second)))
}

// view is what the template sees.
type view struct {
	Report
	Policy   string
	Style    template.CSS
	Problems []Problem
	Chains   []Chain
	Recent   deploy.History // the newest, newest first
}

// deploysShown bounds the table; FORMAT=json has all.
const deploysShown = 20

// Page writes the page.
func (r Report) Page(w io.Writer) error {
	v := view{Report: r, Policy: Policy(), Style: template.CSS(style), Problems: r.Problems(), Chains: Chains(r.Backups)}
	for _, d := range slices.Backward(r.History) {
		if len(v.Recent) < deploysShown {
			v.Recent = append(v.Recent, d)
		}
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("writing the report's page: %w", err)
	}
	return nil
}

// PhasesOf is how long each step of a deploy took.
func (v view) PhasesOf(d deploy.Record) template.HTML {
	var parts []plot.Part
	for _, p := range d.Phases {
		if p.MS > 0 {
			parts = append(parts, plot.Part{Name: string(p.Step), Value: float64(p.MS) / 1000})
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return plot.Parts("Steps", 0, seconds, parts)
}

// DeployTimes is how long deploys took, over time.
func (v view) DeployTimes() template.HTML {
	var all plot.Series
	all.Name = "deploy"
	for _, d := range v.History {
		all.Points = append(all.Points, plot.Point{At: d.Started, Value: float64(d.MS) / 1000, Bad: d.Outcome != deploy.Live && d.Outcome != deploy.Finished, Note: d.Version + ", " + string(d.Outcome)})
	}
	return plot.Line(plot.Chart{Title: "Time that deploys took", Format: seconds, Series: []plot.Series{all}})
}

// DrillTimes are recovery time, and loss, of each kind of backup over time.
func (v view) DrillTimes() template.HTML {
	recovery, loss := map[string]*plot.Series{}, map[string]*plot.Series{}
	put := func(m map[string]*plot.Series, name string, p plot.Point) {
		if m[name] == nil {
			m[name] = &plot.Series{Name: name}
		}
		m[name].Points = append(m[name].Points, p)
	}
	for _, d := range v.Drills {
		for _, p := range d.Parts {
			put(recovery, p.Name, plot.Point{At: d.Started, Value: p.Recovery, Bad: !p.Passed})
			if p.Loss != nil {
				put(loss, p.Name, plot.Point{At: d.Started, Value: p.Loss.Seconds, Bad: !p.Passed})
			}
		}
	}
	var b strings.Builder
	for _, c := range []struct {
		title string
		from  map[string]*plot.Series
	}{{"Recovery time", recovery}, {"What would have been lost", loss}} {
		var list []plot.Series
		for _, name := range slices.Sorted(keysOf(c.from)) {
			list = append(list, *c.from[name])
		}
		if len(list) > 0 {
			fmt.Fprintf(&b, "<figure><figcaption>%s</figcaption>%s</figure>", c.title, plot.Line(plot.Chart{Title: c.title, Format: seconds, Series: list}))
		}
	}
	return template.HTML(b.String())
}

// Reach is the recovery window: to which moments the database can be brought back.
func (v view) Reach() template.HTML {
	from := v.Made
	var dumps, config, spans, bases plot.Lane
	dumps.Name, config.Name, spans.Name, bases.Name = "dumps", "configuration", "any moment (log archive)", "physical backups"
	for _, b := range v.Backups {
		bar := plot.Bar{From: b.Finished, To: b.Finished, Name: b.ID, Bad: b.Damaged != nil}
		switch b.Kind {
		case "dump":
			dumps.Bars = append(dumps.Bars, bar)
		case "config":
			config.Bars = append(config.Bars, bar)
		default:
			bases.Bars = append(bases.Bars, bar)
		}
		if b.Finished.Before(from) && !b.Finished.IsZero() {
			from = b.Finished
		}
	}
	for _, w := range v.Windows {
		spans.Bars = append(spans.Bars, plot.Bar{From: w.From, To: w.Until, Name: "after " + w.Backup})
	}
	var lanes []plot.Lane
	for _, l := range []plot.Lane{spans, bases, dumps, config} {
		if len(l.Bars) > 0 {
			lanes = append(lanes, l)
		}
	}
	if len(lanes) > 0 {
		from = from.Add(-v.Made.Sub(from) / 50) // the first mark is not at the very edge
	}
	return plot.Timeline("Moments that can be restored", from, v.Made, lanes)
}

// DiskUse is what takes the disk, as one bar.
func (v view) DiskUse() template.HTML {
	names := []string{"images", "containers", "build cache", "volumes"}
	values := []float64{float64(v.Disk.Layers), float64(v.Disk.Containers), float64(v.Disk.BuildCache), 0}
	for _, volume := range v.Disk.Volumes {
		values[3] += float64(max(volume.Size, 0))
	}
	var parts []plot.Part
	for i, n := range names {
		parts = append(parts, plot.Part{Name: n, Value: values[i]})
		names[i] = n + ", " + units.BytesSize(values[i])
	}
	return plot.Parts("Disk", 0, units.BytesSize, parts) + plot.Key(names...)
}

// Left is how long the certificate lasts.
func (v view) Left() string {
	if v.Certificate == nil || v.Certificate.Expires == nil {
		return ""
	}
	return stack.Duration(v.Certificate.Expires.Sub(v.Made))
}

// Why says why a part is missing; "" when it is there.
func (v view) Why(part string) string { return v.Missing[part] }

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }
