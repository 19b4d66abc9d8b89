package lint

import (
	"regexp"
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var quietNames = regexp.MustCompile(`(?i)health|alive|live|ready|ping|status|metrics|favicon|robots|heartbeat|probe|well-known`)

var logRules = []Rule{{
	ID: "log-off", Title: "Requests or errors are not logged", Severity: Warning,
	Why:    "What is not logged cannot be found out afterwards: an attack, a fault, who was hit. `error_log off` does not even switch it off, it writes a file with that name.",
	Fix:    "Log everything but health checks (access_log has if=). To write less, use buffer= and flush=.",
	Source: docs + "http/ngx_http_log_module.html#access_log",
	check: func(c *check) {
		c.each(func(n *conf.Node) {
			if n.Arg(0) != "off" && n.Arg(0) != "/dev/null" {
				return
			}
			switch b := n.Parent; b.Name {
			case "http":
				if len(c.cfg.Servers()) > 0 {
					c.at(n, "no server logs its requests unless it says so itself")
				}
			case "server":
				if len(public(b)) > 0 && serves(b) {
					c.at(n, "the requests of this server are not logged")
				}
			case "location", "if":
				l := b
				if b.Name == "if" {
					l = b.Up("location")
				}
				if l == nil || quiet(l) || l.Last("internal") != nil {
					return
				}
				if routes.Pass(b) != nil || routes.Pass(l) != nil {
					c.at(n, "requests that are passed on are not logged")
				}
			}
		}, "access_log")
		c.cfg.Root.Walk(func(n *conf.Node) bool {
			if n.Param {
				return false
			}
			if n.Name == "error_log" && (n.Arg(0) == "off" || n.Arg(0) == "/dev/null") {
				f := c.at(n, "errors are not logged")
				f.Severity = Error
				if n.Arg(0) == "off" {
					f.Message = "errors go to a file named off"
				}
			}
			return true
		})
	},
}}

func quiet(l *conf.Node) bool {
	_, name := routes.LocationOf(l)
	return quietNames.MatchString(strings.ToLower(name))
}
