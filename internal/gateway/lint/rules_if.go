package lint

import "drydock/internal/gateway/lint/conf"

var ifRules = []Rule{{
	ID: "unsafe-if", Title: "`if` in a location with more than return, rewrite and set", Severity: Error,
	Why:    "An `if` in a location is a hidden location of its own: when it holds, directives beside it are lost or taken over by rules that few know, try_files is not run, of several only the last counts, and some combinations crash.",
	Fix:    "Decide with a map and use the variable in the directive, or return a code whose error_page leads to a named location.",
	Source: "https://github.com/nginx/nginx-wiki/blob/master/source/start/topics/depth/ifisevil.rst",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if !n.Within("location") {
				return
			}
			for _, d := range n.Children {
				switch d.Name {
				case "return", "set", "break", "if":
				case "rewrite":
					if d.Arg(2) == "break" {
						c.at(d, "rewrite ... break stays inside of the hidden location")
					}
				case "add_header", "expires", "access_log", "limit_rate", "limit_rate_after", "gzip", "error_page":
					c.at(d, "%s in an if", d.Name).Severity = Warning
				default:
					c.at(d, "%s in an if", d.Name)
				}
			}
		}, "if")
	},
}}
