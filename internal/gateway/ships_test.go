package gateway

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/gateway/lint"
	"drydock/internal/gateway/render"
	"drydock/internal/testkit"
)

// around is what compose puts around the gateway, with both colours.
func around(v render.Values) *lint.Stack {
	published := []lint.Published{{Container: render.HTTPPort, Host: 80}}
	if v.TLS != "off" {
		published = append(published, lint.Published{Container: render.HTTPSPort, Host: 443})
	}
	s := &lint.Stack{
		Gateway: "gateway", Backend: lint.Backend{HealthPath: healthPath, BodyLimit: env.NginxBytes(v.BodyLimit), Timeout: v.Timeout},
		Services: []lint.Service{{Name: "gateway", Networks: []string{"edge"}, Ports: ports(v), Published: published,
			ReadOnly: true, Writable: []string{"/tmp", render.StateDir}}},
	}
	for _, colour := range []string{"blue", "green"} {
		for name, port := range map[string]int{"backend-" + colour: v.BackendPort, "frontend-" + colour: v.FrontendPort} {
			s.Services = append(s.Services, lint.Service{Name: name, Aliases: []string{name + ".pool"}, Networks: []string{"edge"}, Ports: []int{port}})
		}
	}
	return s
}

// Whatever settings the manual recommends or documents: the linter has nothing to say about the
// configuration that they make. Each limit changes what /healthz inherits.
func TestTheLinterIsSilentWithEachSetting(t *testing.T) {
	source, err := Source(testkit.Root(t))
	require.NoError(t, err)
	recommended := map[string]string{"DOMAIN": "example.com, www.example.com", "TLS": "acme", "HTTP_REDIRECT": "true", "HSTS": "8760h"}
	full := map[string]string{
		"HTTPS_PORT": "8443", "RATE_LIMIT": "20", "CONNECTION_LIMIT": "30", "TRUSTED_PROXIES": "10.1.2.3, fd00::/8", "LOG_QUERY": "off",
		"LOG_MASK": "a,b", "WORKERS": "2", "BODY_LIMIT": "1g", "HEADER_LIMIT": "64k", "BACKEND_TIMEOUT": "90s", "STREAM_TIMEOUT": "2h", "TLS_PROFILE": "modern",
		"FRONTEND_ASSETS": "/_next/static/",
	}
	maps.Copy(full, recommended)
	for name, environ := range map[string]map[string]string{
		"nothing set": {}, "dev": {"APP_ENV": "dev", "TLS": "local", "FRONTEND_PORT": "3000"}, "recommended for prod": recommended, "full": full,
		"files": {"TLS": "files", "DOMAIN": "example.com"}, "rate": {"RATE_LIMIT": "20"}, "no burst": {"RATE_LIMIT": "20", "RATE_BURST": "0"},
		"connections": {"CONNECTION_LIMIT": "30"}, "no assets": {"FRONTEND_ASSETS": "none"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := render.FromEnviron(func(name string) string { return environ[name] })
			require.NoError(t, err)
			tree, err := Generation(source, v)
			require.NoError(t, err)
			for _, version := range []string{"", nginxVersion} {
				found, err := lint.Run(lint.Input{Root: ".", FS: tree.FS(), Prefix: current, Version: version, Stack: around(v)})
				require.NoError(t, err)
				assert.Empty(t, found)
			}
		})
	}
}
