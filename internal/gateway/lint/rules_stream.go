package lint

import (
	"strings"

	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/routes"
)

var streamRules = []Rule{{
	ID: "event-stream", Title: "An event stream is buffered or cut off", Severity: Warning,
	Why:    "With buffering on, an event waits until a buffer is full, which for small events is never; and after proxy_read_timeout without one the connection is closed.",
	Fix:    "In the stream's location: `proxy_buffering off;` and `proxy_read_timeout 1h;`. The application may also send X-Accel-Buffering: no.",
	Source: docs + "http/ngx_http_proxy_module.html#proxy_buffering",
	check: func(c *check) {
		c.locations(func(l *conf.Node) {
			p := routes.Pass(l)
			if p == nil || p.Name != "proxy_pass" || p.Parent != l || !eventPath(l) {
				return
			}
			if !off(l, "proxy_buffering") {
				c.at(p, "events are held back by proxy_buffering")
			} else if l.Value("proxy_read_timeout") == nil {
				c.at(p, "without proxy_read_timeout a stream ends after a minute of silence")
			}
		})
	},
}}

func eventPath(l *conf.Node) bool {
	_, name := routes.LocationOf(l)
	for _, part := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r == '-' || r == '_') }) {
		switch part {
		case "events", "sse", "event-stream", "eventstream", "event_stream", "eventsource":
			return true
		}
	}
	return false
}
