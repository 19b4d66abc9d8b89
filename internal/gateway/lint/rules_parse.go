package lint

import "drydock/internal/gateway/lint/conf"

var parseRules = []Rule{{
	ID: "syntax", Title: "The configuration cannot be read", Severity: Error,
	Why:    "nginx refuses a configuration with such a fault, so a reload keeps the old one and a restart has none.",
	Fix:    "Look at this line and the one before it: a missing semicolon or brace is noticed only afterwards.",
	Source: docs + "beginners_guide.html#conf_structure",
	check: func(c *check) {
		for _, p := range c.cfg.Problems {
			if p.Kind == conf.Syntax || p.Kind == conf.Limit {
				c.at(&conf.Node{File: p.File, Line: p.Line}, "%s", p.Text)
			}
		}
	},
}, {
	ID: "include-missing", Title: "An included file is not there", Severity: Error,
	Why:    "nginx does not start if a file that is included by its full name is missing.",
	Fix:    "Add the file, or include it by a pattern (name*.conf), which may match nothing.",
	Source: docs + "ngx_core_module.html#include",
	check: func(c *check) {
		for _, p := range c.cfg.Problems {
			if p.Kind == conf.Missing {
				c.at(&conf.Node{File: p.File, Line: p.Line}, "%s", p.Text)
			}
		}
	},
}, {
	ID: "include-outside", Title: "An included file is outside of the folder", Severity: Warning,
	Why:    "What is in it was not looked at, and may change what everything else means.",
	Fix:    "Keep the file in the folder, or lint the folder as it is on the machine that runs it.",
	Source: docs + "ngx_core_module.html#include",
	check: func(c *check) {
		for _, p := range c.cfg.Problems {
			if p.Kind == conf.Outside {
				c.at(&conf.Node{File: p.File, Line: p.Line}, "%s", p.Text)
			}
		}
	},
}, {
	ID: "ignore-comment", Title: "A comment that silences a rule is wrong", Severity: Warning,
	Why:    "A finding that is silenced without a reason cannot be judged by the next reader, and a comment that silences nothing hides the day when it does.",
	Fix:    "Write `# drydock:ignore rule-id reason` on the line of the finding or on the line before, or take the comment out.",
	Source: "docs of this linter",
}}
