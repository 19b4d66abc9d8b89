package bench

import (
	"fmt"
	"io"
	"strings"
	"time"

	"drydock/internal/engine"
)

// How often a target measures each of those that take turns.
const (
	Rounds       = 5
	BackupRounds = 3 // minutes each
)

// Head is where and of what a page's rows were measured.
type Head struct {
	At     time.Time
	Commit string // as git describes the checkout
	Engine engine.Info
	Tools  []Tool
}

// notes are what a page says of a scene besides its rows.
var notes = map[string]string{idleScene: idleNote, sizeScene: sizeNote}

// Page writes the rows as a page of the manual: where they were measured, and each with its
// peer of the same run. It refuses a number that has none, without a reason.
func Page(w io.Writer, rows []Row, h Head) error {
	if err := unpaired(rows); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `go tool mage bench` on %s. Peers take turns in each round, so that a slow minute meets all of them; there are %d rounds, and %d of backups. "+
		"A row shows the median of the rounds, and after ± half the distance from the lowest to the highest, as a part of the median. "+
		"A ratio is the median of the rounds' own ratios, so that what slowed both down cancels out: it is not the quotient of the medians beside it, and where the spread is wide the two differ. "+
		"A number says something only beside its peer's of the same table: another machine has others.\n\n", h.At.UTC().Format("2006-01-02"), Rounds, BackupRounds)
	in := h.Engine
	fmt.Fprintf(&b, "| | |\n| --- | --- |\n| machine | %d processors, %s, %.0f GiB |\n| system | %s, Linux %s, cgroup v%s |\n| engine | Docker %s, %s |\n",
		in.CPUs, in.Architecture, float64(in.Memory)/(1<<30), in.OperatingSystem, kernelOf(in.Kernel), in.CgroupVersion, in.Version, in.StorageDriver)
	var tools []string
	for _, t := range h.Tools {
		tools = append(tools, t.Name+" "+t.Version)
	}
	fmt.Fprintf(&b, "| tools | %s |\n| commit | `%s` |\n", strings.Join(tools, ", "), h.Commit)
	scene := ""
	for _, r := range rows {
		if r.Scene != scene {
			scene = r.Scene
			fmt.Fprintf(&b, "\n## %s\n\n", capital(scene))
			if note := notes[scene]; note != "" {
				fmt.Fprintf(&b, "%s\n\n", note)
			}
			b.WriteString("| | median | spread | against the peer |\n| --- | --- | --- | --- |\n")
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s |\n", cell(r.Name), number(r.Median), r.Unit, r.spread(), cell(r.against("`")))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell hides a pipe, which is a column's end.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
