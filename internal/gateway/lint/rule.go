package lint

import (
	"fmt"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// Rule is one thing that is looked for.
type Rule struct {
	ID       string
	Title    string // one line
	Severity Severity
	Why      string
	Fix      string
	Source   string // the manual's page
	check    func(*check)
}

// check is one run of one rule.
type check struct {
	cfg     *conf.Config
	version conf.Version
	stack   *Stack
	rule    *Rule
	found   []Finding
}

// at reports at a directive. The message is about this place only: it must be the same
// wherever a snippet is included.
func (c *check) at(n *conf.Node, format string, args ...any) *Finding {
	file := n.File
	if file == "" && len(c.cfg.Files) > 0 {
		file = c.cfg.Files[0].Name // a block that nobody wrote
	}
	c.found = append(c.found, Finding{Rule: c.rule.ID, Severity: c.rule.Severity, File: file, Line: max(n.Line, 1),
		Message: fmt.Sprintf(format, args...), Why: c.rule.Why, Fix: c.rule.Fix, Source: c.rule.Source})
	return &c.found[len(c.found)-1]
}

// each calls f for every directive of http with one of the names.
func (c *check) each(f func(*conf.Node), names ...string) {
	h := c.cfg.HTTP()
	if h == nil {
		return
	}
	h.Walk(func(n *conf.Node) bool {
		if n.Param {
			return false
		}
		for _, name := range names {
			if n.Name == name {
				f(n)
				break
			}
		}
		return true
	})
}

// locations calls f for every location, nested ones included.
func (c *check) locations(f func(*conf.Node)) { c.each(f, "location") }

// incomplete tells that something of the configuration was not read, so that nobody can
// say that a setting is missing.
func (c *check) incomplete() bool {
	for _, p := range c.cfg.Problems {
		if p.Kind == conf.Missing || p.Kind == conf.Outside {
			return true
		}
	}
	return c.cfg.Partial
}

// off tells whether the directive that counts at a block says off.
func off(block *conf.Node, name string) bool {
	n := block.Value(name)
	return n != nil && n.Arg(0) == "off"
}

// on tells whether the directive that counts at a block says on.
func on(block *conf.Node, name string) bool {
	n := block.Value(name)
	return n != nil && n.Arg(0) == "on"
}

var v = func(major, minor, patch int) conf.Version {
	return conf.Version{Major: major, Minor: minor, Patch: patch}
}

const docs = "https://nginx.org/en/docs/"

func quoteList(list []string) string { return strings.Join(list, ", ") }
