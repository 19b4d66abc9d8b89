package engine

import (
	"context"
	"strings"
)

// FromEnviron is what the docker command takes from the process environment, KEY=value
// each: DOCKER_HOST, and as options DOCKER_CONTEXT, DOCKER_CONFIG and, where
// DOCKER_TLS_VERIFY is not empty, DOCKER_CERT_PATH.
// https://docs.docker.com/reference/cli/docker/#environment-variables
func FromEnviron(environ []string) (host string, options []Option) {
	env := map[string]string{}
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	if v := env["DOCKER_CONFIG"]; v != "" {
		options = append(options, WithConfigDir(v))
	}
	if v := env["DOCKER_CONTEXT"]; v != "" {
		options = append(options, WithContext(v))
	}
	if v := env["DOCKER_CERT_PATH"]; v != "" && env["DOCKER_TLS_VERIFY"] != "" {
		options = append(options, WithTLS(v))
	}
	return env["DOCKER_HOST"], options
}

// OpenAs is Open with the options of a process environment. Certificates in it are for
// tcp:// hosts; another engine that is reached through a socket or SSH needs none.
func OpenAs(ctx context.Context, host string, environ []string) (*Client, error) {
	_, options := FromEnviron(environ)
	return Open(ctx, host, options...)
}
