package bench

import (
	"fmt"
	"io"
	"strings"
	"time"

	"drydock/internal/engine"
)

// Page writes the rows as a page of the manual: where they were measured, and each with its
// peer of the same run.
func Page(w io.Writer, rows []Row, in engine.Info, at time.Time) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `go tool mage bench` on %s. Peers take turns in each round, so that a slow minute meets all of them. A number says "+
		"something only beside its peer's of the same table: another machine has others.\n\n", at.UTC().Format("2006-01-02"))
	fmt.Fprintf(&b, "| | |\n| --- | --- |\n| machine | %d processors, %.0f GiB |\n| system | %s, Linux %s, cgroup v%s |\n| engine | Docker %s, %s |\n",
		in.CPUs, float64(in.Memory)/(1<<30), in.OperatingSystem, in.Kernel, in.CgroupVersion, in.Version, in.StorageDriver)
	scene := ""
	for _, r := range rows {
		if r.Scene != scene {
			scene = r.Scene
			fmt.Fprintf(&b, "\n## %s\n\n| | median | spread | against the peer |\n| --- | --- | --- | --- |\n", capital(scene))
		}
		against := ""
		switch {
		case r.Peer == r.Name:
			against = "the peer"
		case r.Peer != "":
			against = fmt.Sprintf("%.2f of `%s`", r.Ratio, r.Peer)
		}
		name := strings.ReplaceAll(r.Name, "|", `\|`) // a pipe is a column's end
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s |\n", name, number(r.Median), r.Unit, r.spread(), strings.ReplaceAll(against, "|", `\|`))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
