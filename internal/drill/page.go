package drill

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"drydock/internal/backup/store"
	"drydock/internal/plot"
)

// pageText and pageStyle are the page; it is one file, without scripts, and asks nobody for anything.
//
//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// trendMax is how many past drills the plots and the table show: a year of weekly ones.
const trendMax = 52

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"duration": duration,
	"bytes":    store.Bytes,
	"time":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" },
	"verdict":  verdict,
	"phases":   phasePlot,
	"percent":  func(part, all float64) string { return fmt.Sprintf("%.0f %%", 100*part/max(all, 1e-9)) },
}).Parse(pageText))

// pageData is what the template gets.
type pageData struct {
	*Evidence
	Style  template.CSS
	Failed []string
	Trends []template.HTML
	Past   []*Evidence // newest first, this one included
}

// Page writes the evidence as one HTML file, with the trend over past drills.
func (e *Evidence) Page(w io.Writer, past []*Evidence) error {
	all := slices.DeleteFunc(slices.Clone(past), func(p *Evidence) bool { return p.ID == e.ID || p.Started.After(e.Started) })
	all = append(all, e)
	all = all[max(0, len(all)-trendMax):]
	d := pageData{Evidence: e, Style: template.CSS(plot.Style + pageStyle), Failed: e.failed(), Trends: trends(all), Past: slices.Clone(all)}
	slices.Reverse(d.Past)
	if err := page.Execute(w, d); err != nil {
		return fmt.Errorf("writing the page of a drill: %w", err)
	}
	return nil
}

// trends draws time, size and loss over the drills, a line for each kind of backup.
func trends(all []*Evidence) (list []template.HTML) {
	for _, t := range []struct {
		title  string
		value  func(*Part) (float64, bool)
		format func(float64) string
	}{
		{"Recovery time", func(p *Part) (float64, bool) { return p.Recovery, p.Recovery > 0 }, duration},
		{"Size of the backup", func(p *Part) (float64, bool) { return float64(p.Size), p.Size > 0 }, func(v float64) string { return store.Bytes(int64(v)) }},
		{"Data that would have been lost", func(p *Part) (float64, bool) {
			if p.Loss == nil {
				return 0, false
			}
			return p.Loss.Seconds, true
		}, duration},
	} {
		c := plot.Chart{Title: t.title, Format: t.format}
		for _, e := range all {
			for _, p := range e.Parts {
				if v, ok := t.value(p); ok {
					add(&c, p.Name, plot.Point{At: e.Started, Value: v, Bad: !p.Passed, Note: verdict(p.Passed)})
				}
			}
		}
		list = append(list, "<figure><figcaption>"+template.HTML(template.HTMLEscapeString(t.title))+"</figcaption>"+plot.Line(c)+"</figure>")
	}
	return list
}

func add(c *plot.Chart, name string, p plot.Point) {
	for i := range c.Series {
		if c.Series[i].Name == name {
			c.Series[i].Points = append(c.Series[i].Points, p)
			return
		}
	}
	c.Series = append(c.Series, plot.Series{Name: name, Points: []plot.Point{p}})
}

// phasePlot is where the time of a recovery went.
func phasePlot(p *Part) template.HTML {
	var parts []plot.Part
	var names []string
	for _, ph := range p.Phases {
		if ph.Recovery {
			parts = append(parts, plot.Part{Name: ph.Name, Value: ph.Seconds})
			names = append(names, ph.Name+" "+duration(ph.Seconds))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return plot.Parts("Recovery by phase", 0, duration, parts) + plot.Key(names...)
}

// Total is how long the part took, the drill's own steps included.
func (p *Part) Total() (seconds float64) {
	for _, ph := range p.Phases {
		seconds += ph.Seconds
	}
	return seconds
}
