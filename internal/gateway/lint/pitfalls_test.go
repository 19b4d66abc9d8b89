package lint_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/lint"
)

// Faults that people reported about other gateways: each kind has a rule whose bad
// example is the case.
func TestReportsHaveARule(t *testing.T) {
	for report, rule := range map[string]string{
		"nginx/docker-nginx 127":        "literal-upstream", // does not start while a name is missing
		"nginx/docker-nginx 669":        "literal-upstream",
		"NginxProxyManager 2359":        "literal-upstream",
		"NginxProxyManager 5602":        "literal-upstream", // 502 for ever after a new address
		"wowu/docker-rollout 14":        "literal-upstream",
		"wowu/docker-rollout 30":        "literal-upstream",
		"bytedance/deer-flow 1516":      "literal-upstream", // two containers swap addresses
		"nginx/nginx PR 437":            "keepalive-min-timeout",
		"bunkerity/bunkerweb 3153":      "worker-shutdown-timeout",
		"kubernetes/ingress-nginx 2461": "worker-shutdown-timeout",
		"NixOS/nixpkgs 517476":          "proxy-pass-path-lost",
		"owntracks/frontend 63":         "proxy-pass-slash",
		"h5bp/server-configs-nginx 193": "header-loss",
		"MemberMatters 109":             "alias-traversal",
		"SteveLTN/https-portal 135":     "gzip-types",
		"goclaw 473":                    "html-cached",
		"nginx-proxy 912":               "stack-limits",
		"nginx/nginx 824":               "cache-private",
		"nginx-gateway-fabric 5374":     "stack-workers",
		"docker-nginx-unprivileged 175": "stack-writable",
		"before 1.29.7":                 "upstream-keepalive",
	} {
		e, err := lint.ExampleOf(rule)
		require.NoError(t, err)
		words := strings.Fields(report)
		assert.Contains(t, e.Title, words[0])
		assert.Contains(t, e.Title, words[len(words)-1])
		assert.NotEmpty(t, e.Expected, rule)
	}
}

// Old workers that end within seconds take every WebSocket with them, at each reload
// (kubernetes/ingress-nginx 2461).
func TestAShortShutdownCutsOffWebSockets(t *testing.T) {
	conf := func(timeout, header string) []string {
		found := run(t, files("nginx.conf", "worker_shutdown_timeout "+timeout+";\nevents {}\nhttp {\n server {\n  listen 80 default_server;\n"+
			"  location / {\n   proxy_http_version 1.1;\n   "+header+"\n   proxy_pass http://127.0.0.1:9000;\n  }\n }\n}\n"))
		var out []string
		for _, f := range found {
			if f.Rule == "worker-shutdown-timeout" {
				out = append(out, f.Message)
			}
		}
		return out
	}
	const sockets = "proxy_set_header Upgrade $http_upgrade;"
	assert.Equal(t, []string{"open WebSockets are cut off 10s after each reload"}, conf("10s", sockets))
	assert.Empty(t, conf("5m", sockets))
	assert.Empty(t, conf("10s", ""), "nothing stays open")
	assert.Empty(t, conf("10s", `proxy_set_header Upgrade "";`))
}
