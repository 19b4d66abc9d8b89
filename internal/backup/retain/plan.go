package retain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Decision is what is to become of one backup, and why.
type Decision struct {
	Backup  Backup   `json:"backup"`
	Reasons []string `json:"reasons"`
}

// Refusal is a series of which nothing is removed.
type Refusal struct {
	Series Series `json:"series"`
	Reason string `json:"reason"`
}

// Outcome is a plan for all series that it was asked about.
type Outcome struct {
	Keep []Decision `json:"keep"` // newest first within a series
	// Remove is in the order in which it is safe to remove: what hangs on another one comes before it.
	Remove  []Decision `json:"remove"`
	Refused []Refusal  `json:"refused,omitempty"`
	Notes   []string   `json:"notes,omitempty"` // what a person should know, e.g. a bound that cannot be held
}

// ahead is how much later than now a time may lie before a clock is thought wrong: two
// machines differ by seconds.
const ahead = 10 * time.Minute

// Plan decides about every backup that exists; failed and running ones only have a say.
// The same policy is applied to each series by itself; for another policy per database or
// kind, call it with the backups of those.
func Plan(backups []Backup, policy Policy, now time.Time) Outcome {
	bySeries := map[Series][]Backup{}
	needed := map[string]string{} // parent -> a child of another series, which no series may break
	seriesOf := map[string]Series{}
	for _, b := range backups {
		bySeries[b.Series] = append(bySeries[b.Series], b)
		seriesOf[b.ID] = b.Series
	}
	for _, b := range backups {
		if p, ok := seriesOf[b.Parent]; ok && p != b.Series && (b.State == Good || b.State == Damaged) {
			needed[b.Parent] = b.ID
		}
	}
	series := make([]Series, 0, len(bySeries))
	for s := range bySeries {
		series = append(series, s)
	}
	slices.SortFunc(series, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Database, b.Database), cmp.Compare(a.Repository, b.Repository))
	})
	var out Outcome
	for _, s := range series {
		planSeries(&out, newGroup(s, bySeries[s], needed), policy, now)
	}
	return out
}

func planSeries(out *Outcome, g *group, policy Policy, now time.Time) {
	reason := refusal(g, policy)
	if reason != "" {
		out.Refused = append(out.Refused, Refusal{Series: g.series, Reason: reason})
	}
	g.protect(now)
	if reason == "" {
		g.applyRules(policy)
		g.keepWhatIsNeeded()
		if note := g.applySize(policy); note != "" {
			out.Notes = append(out.Notes, fmt.Sprintf("%s: %s", g.series, note))
		}
	}
	for _, n := range g.newestFirst() {
		if reason != "" && len(n.keep) == 0 {
			n.keep = []string{"nothing of this series is removed: " + reason}
		}
		if len(n.keep) > 0 {
			out.Keep = append(out.Keep, Decision{Backup: n.Backup, Reasons: n.keep})
		}
	}
	for _, n := range g.removalOrder() {
		if len(n.keep) == 0 {
			why := "no rule keeps it"
			if n.tooLarge {
				why = "over the bound on the size"
			}
			out.Remove = append(out.Remove, Decision{Backup: n.Backup, Reasons: []string{why}})
		}
	}
}

// refusal says why nothing of the series may be removed.
func refusal(g *group, policy Policy) string {
	if err := policy.Validate(); err != nil {
		return err.Error()
	}
	switch newest := g.newestRun; {
	case newest == nil:
		return ""
	case newest.State == Failed:
		return fmt.Sprintf("the newest run (%s) failed; the backups that are there may be the last good ones", newest.ID)
	case newest.State == Damaged:
		return fmt.Sprintf("the newest backup (%s) is damaged; make a good one first", newest.ID)
	case g.newestGood() == nil:
		return "there is no good backup"
	}
	if n := g.byID[g.newestRun.ID]; n.broken != "" {
		return fmt.Sprintf("the newest backup (%s) cannot be restored: %s; make a full backup first", n.ID, n.broken)
	}
	return ""
}

// protect keeps what no rule may remove.
func (g *group) protect(now time.Time) {
	var proven *node
	for _, n := range g.nodes {
		switch {
		case n.State == Damaged:
			n.because("damaged: kept for a person to look at; `backup:remove` takes it away")
		case n.broken != "":
			n.because("cannot be restored (" + n.broken + "): kept for a person to look at; `backup:remove` takes it away")
		case n.Proven:
			proven = n
		}
		if n.Time.After(now.Add(ahead)) {
			n.future = true
			n.because("dated later than now: a clock was wrong, so its age is not known")
		}
		if child := g.foreign[n.ID]; child != "" {
			n.because("needed by " + child)
		}
	}
	if n := g.newestGood(); n != nil {
		n.because("newest good one")
	}
	if proven != nil {
		proven.because("newest proven one")
	}
	g.keepWhatIsNeeded()
	for _, n := range g.nodes {
		n.protected = len(n.keep) > 0
	}
}

// applyRules gives each rule its roots, newest first. A kept root keeps its chain.
func (g *group) applyRules(policy Policy) {
	for _, r := range policy.rules() {
		seen := map[string]bool{}
		for _, root := range slices.Backward(g.roots) {
			if len(seen) >= r.count {
				break
			}
			if !root.counts() {
				continue
			}
			place := root.ID
			if r.period != nil {
				place = r.period(root.Time.In(policy.Zone))
			}
			if seen[place] {
				continue
			}
			seen[place] = true
			reason := fmt.Sprintf("%s %d of %d", r.name, len(seen), r.count)
			if r.period != nil {
				reason += " (" + place + ")"
			}
			g.keepChain(root, reason)
		}
	}
	if policy.Last+policy.Hourly+policy.Daily+policy.Weekly+policy.Monthly+policy.Yearly == 0 {
		for _, root := range g.roots {
			g.keepChain(root, "within the bound on the size")
		}
	}
}

// keepChain keeps a root and what hangs on it. What cannot be restored has its own reason.
func (g *group) keepChain(root *node, reason string) {
	for _, n := range root.chain {
		if n == root {
			n.because(reason)
		} else if n.counts() {
			n.because("part of the chain of " + root.ID)
		}
	}
}

// keepWhatIsNeeded follows the parents of everything that is kept.
func (g *group) keepWhatIsNeeded() {
	for _, n := range slices.Backward(g.nodes) {
		if len(n.keep) == 0 {
			continue
		}
		for p, last := n.parent, n; p != nil; p, last = p.parent, p {
			p.because("needed by " + last.ID)
		}
	}
}

// applySize takes from the oldest chain on, and within a chain from its end, until the
// series fits. The order does not depend on the bound: a smaller one takes more of the same.
func (g *group) applySize(policy Policy) (note string) {
	if policy.MaxBytes == 0 {
		return ""
	}
	var total int64
	for _, n := range g.nodes {
		if len(n.keep) > 0 {
			total += n.Size
		}
	}
	for _, n := range g.removalOrder() {
		if total <= policy.MaxBytes {
			return ""
		}
		if len(n.keep) > 0 && !n.protected {
			n.keep, n.tooLarge = nil, true
			total -= n.Size
		}
	}
	if total <= policy.MaxBytes {
		return ""
	}
	return fmt.Sprintf("%d bytes are over the bound of %d; all that is left must stay (%s)",
		total-policy.MaxBytes, policy.MaxBytes, strings.Join(g.kept(), ", "))
}
