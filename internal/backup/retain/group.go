package retain

import (
	"fmt"
	"slices"
)

// group is one series while it is planned.
type group struct {
	series    Series
	nodes     []*node // what exists, oldest first
	roots     []*node // those without a parent here, oldest first
	byID      map[string]*node
	foreign   map[string]string
	newestRun *Backup // failed ones included, running ones not
}

type node struct {
	Backup
	parent    *node
	children  []*node
	chain     []*node // of a root: itself and all that hangs on it, oldest first
	broken    string  // why it cannot be restored although itself it is good
	keep      []string
	protected bool
	future    bool
	tooLarge  bool
}

func (n *node) because(reason string) {
	if !slices.Contains(n.keep, reason) {
		n.keep = append(n.keep, reason)
	}
}

func (n *node) restorable() bool { return n.State == Good && n.broken == "" }

// counts says whether it may take a place in a rule.
func (n *node) counts() bool { return n.restorable() && !n.future }

func newGroup(s Series, backups []Backup, foreign map[string]string) *group {
	g := &group{series: s, byID: map[string]*node{}, foreign: foreign}
	backups = slices.Clone(backups)
	slices.SortFunc(backups, order)
	for _, b := range backups {
		if b.State != Running {
			g.newestRun = &b
		}
		if b.State != Good && b.State != Damaged || g.byID[b.ID] != nil {
			continue
		}
		n := &node{Backup: b}
		g.nodes = append(g.nodes, n)
		g.byID[b.ID] = n
	}
	for _, n := range g.nodes {
		if n.Parent != "" {
			n.parent = g.byID[n.Parent]
		}
	}
	for _, n := range g.nodes {
		if circular(n) {
			n.broken = "its parents lead back to itself"
		}
	}
	for _, n := range g.nodes {
		if n.broken != "" {
			n.parent = nil
		}
	}
	for _, n := range g.nodes {
		n.broken = breach(n)
		if n.parent == nil {
			g.roots = append(g.roots, n)
		} else {
			n.parent.children = append(n.parent.children, n)
		}
	}
	for _, root := range g.roots {
		root.chain = descend(root, nil)
		slices.SortFunc(root.chain, func(a, b *node) int { return order(a.Backup, b.Backup) })
	}
	return g
}

func circular(n *node) bool {
	steps := map[*node]bool{}
	for p := n; p != nil; p = p.parent {
		if steps[p] {
			return true
		}
		steps[p] = true
	}
	return false
}

// breach says what is wrong with what a backup needs.
func breach(n *node) string {
	for p := n; p != nil; p = p.parent {
		switch {
		case p.broken != "":
			return p.broken
		case p != n && p.State != Good:
			return "it needs " + p.ID + ", which is damaged"
		case p.Parent != "" && p.parent == nil:
			return fmt.Sprintf("it needs %s, which is not here", p.Parent)
		}
	}
	return ""
}

func descend(n *node, chain []*node) []*node {
	chain = append(chain, n)
	for _, c := range n.children {
		chain = descend(c, chain)
	}
	return chain
}

func (g *group) newestGood() *node {
	for _, n := range slices.Backward(g.nodes) {
		if n.restorable() {
			return n
		}
	}
	return nil
}

func (g *group) newestFirst() []*node {
	all := slices.Clone(g.nodes)
	slices.Reverse(all)
	return all
}

// removalOrder goes from the oldest chain to the newest, and within each one from the
// ends to the root, so that whatever stops it, nothing is left without what it needs.
func (g *group) removalOrder() []*node {
	var all []*node
	for _, root := range g.roots {
		all = append(all, leavesFirst(root, nil)...)
	}
	return all
}

func leavesFirst(n *node, all []*node) []*node {
	for _, c := range slices.Backward(n.children) {
		all = leavesFirst(c, all)
	}
	return append(all, n)
}

func (g *group) kept() []string {
	var ids []string
	for _, n := range g.nodes {
		if len(n.keep) > 0 {
			ids = append(ids, n.ID)
		}
	}
	return ids
}
