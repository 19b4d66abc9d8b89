package lint_test

import (
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
		"NginxProxyManager 5602":        "literal-upstream", // 502 for ever after a new address
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
		assert.Contains(t, e.Title, report)
		assert.NotEmpty(t, e.Expected, rule)
	}
}
