package probe

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// DefaultPath is asked when HEALTH_PATH is not set: a container is healthy when it can serve.
const DefaultPath = "/readyz"

// Address is where the service of this container answers, from PORT and HEALTH_PATH. It looks at nothing else: the
// health check must say what is wrong with the service even when other settings are what is wrong.
func Address(lookup func(string) (string, bool)) (string, error) {
	port, path := "8080", DefaultPath
	if v, ok := lookup("PORT"); ok && v != "" {
		port = v
	}
	if v, ok := lookup("HEALTH_PATH"); ok && v != "" {
		path = v
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("PORT: %q is not a whole number from 1 to 65535", port)
	}
	if err := CheckPath(path); err != nil {
		return "", fmt.Errorf("HEALTH_PATH: %w", err)
	}
	return "http://" + net.JoinHostPort("127.0.0.1", port) + path, nil
}

// CheckPath accepts an absolute path, with a query or without.
func CheckPath(path string) error {
	u, err := url.ParseRequestURI(path)
	if err != nil || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, " #") {
		return fmt.Errorf("%q is not an absolute path such as %s", path, DefaultPath)
	}
	return nil
}
