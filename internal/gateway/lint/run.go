package lint

import (
	"fmt"
	"slices"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

// Run reads the configuration and gives the findings, sorted by file and line, each
// once. The error is about input that cannot be looked at at all; a syntax error is a
// finding, the only ones then, since nothing else could be trusted.
func Run(in Input) ([]Finding, error) {
	version := conf.Version{}
	if in.Version != "" {
		var ok bool
		if version, ok = conf.ParseVersion(in.Version); !ok {
			return nil, fmt.Errorf("the nginx version %q is not one like 1.30.6", in.Version)
		}
	}
	cfg, err := Load(in)
	if err != nil {
		return nil, err
	}
	return Config(cfg, version, in.Stack), nil
}

// Config is Run for a configuration that is already read.
func Config(cfg *conf.Config, version conf.Version, stack *Stack) []Finding {
	var found []Finding
	broken := slices.ContainsFunc(cfg.Problems, func(p conf.Problem) bool { return p.Kind == conf.Syntax || p.Kind == conf.Limit })
	for i := range rules {
		r := &rules[i]
		if broken && r.ID != "syntax" {
			continue
		}
		c := &check{cfg: cfg, version: version, stack: stack, rule: r}
		if strings.HasPrefix(r.ID, "stack-") && stack == nil {
			continue
		}
		if r.check != nil {
			r.check(c)
		}
		found = append(found, c.found...)
	}
	found = sortFindings(found)
	if !broken {
		found = sortFindings(suppress(cfg, found))
	}
	for i := range found {
		found[i].Text = cfg.Line(found[i].File, found[i].Line)
	}
	return found
}

// Rules are all rules, sorted by their id.
func Rules() []Rule { return slices.Clone(rules) }

func init() {
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
}

func ruleByID(id string) *Rule {
	for i := range rules {
		if rules[i].ID == id {
			return &rules[i]
		}
	}
	return nil
}
