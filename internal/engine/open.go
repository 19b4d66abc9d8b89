package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/docker/client"
)

// pingTimeout bounds the first contact; SSH over a slow line needs a while.
const pingTimeout = 30 * time.Second

// cleanupTimeout bounds what is undone after a cancellation.
const cleanupTimeout = 30 * time.Second

// Client is one open engine. It is safe for concurrent use.
type Client struct {
	api  *client.Client
	host string
	tls  string // folder with ca.pem, cert.pem, key.pem; "" without TLS
}

// Option adjusts Open.
type Option func(*openOptions)

type openOptions struct {
	configDir string
	context   string
	tlsDir    string
}

// WithConfigDir sets the docker command's configuration folder (DOCKER_CONFIG);
// the default is .docker in the home folder.
func WithConfigDir(dir string) Option { return func(o *openOptions) { o.configDir = dir } }

// WithContext sets the docker context to use when no host is given (DOCKER_CONTEXT);
// the default is the one chosen with `docker context use`.
func WithContext(name string) Option { return func(o *openOptions) { o.context = name } }

// WithTLS uses the ca.pem, cert.pem and key.pem in dir for a tcp:// host
// (DOCKER_CERT_PATH with DOCKER_TLS_VERIFY).
func WithTLS(dir string) Option { return func(o *openOptions) { o.tlsDir = dir } }

// Open connects to the engine at host, which is written as in DOCKER_HOST
// (unix:///path, tcp://host:port, ssh://user@host), or, with an empty host, to the
// one that the docker command would use. It fails at once when there is none; the
// error then matches ErrUnavailable.
func Open(ctx context.Context, host string, options ...Option) (*Client, error) {
	var o openOptions
	for _, option := range options {
		option(&o)
	}
	target, err := resolve(host, o)
	if err != nil {
		return nil, fmt.Errorf("choosing the Docker engine: %w", err)
	}
	if strings.HasPrefix(target.host, "unix://") || strings.HasPrefix(target.host, "ssh://") {
		target.tlsDir = "" // they have no use for certificates
	}
	opts, err := clientOptions(target)
	if err != nil {
		return nil, fmt.Errorf("connecting to the Docker engine at %s: %w", target.host, err)
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to the Docker engine at %s: %w", target.host, err)
	}
	c := &Client{api: api, host: target.host, tls: target.tlsDir}

	ping, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if _, err := api.Ping(ping); err != nil {
		_ = api.Close() // only idle connections; there is nothing to lose
		if ctx.Err() != nil {
			return nil, c.fail(context.Cause(ctx), "reaching the Docker engine at %s", c.host)
		}
		return nil, &Error{
			Doing: "reaching the Docker engine at " + c.host,
			Kind:  ErrUnavailable, Err: reason(c.host, err), Next: c.unavailableNext(),
		}
	}
	api.NegotiateAPIVersion(ping)
	return c, nil
}

// Close releases the connections.
func (c *Client) Close() error { return c.api.Close() }

// Host is the engine's address as in DOCKER_HOST.
func (c *Client) Host() string { return c.host }

// APIVersion is the one that both sides speak, for example 1.41.
func (c *Client) APIVersion() string { return c.api.ClientVersion() }

// Local says whether the engine is reached through a socket of this machine, so
// that bind mounts and published loopback ports are this machine's.
func (c *Client) Local() bool { return strings.HasPrefix(c.host, "unix://") }

// CLIEnv is what the environment of a docker, compose or buildx command needs to
// talk to the same engine.
func (c *Client) CLIEnv() []string {
	if c.tls != "" {
		return []string{"DOCKER_HOST=" + c.host, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + c.tls}
	}
	// Certificates that the process environment has may be for another engine.
	return []string{"DOCKER_HOST=" + c.host, "DOCKER_TLS_VERIFY="}
}

func clientOptions(t endpoint) ([]client.Opt, error) {
	u, err := url.Parse(t.host)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address: %w", t.host, err)
	}
	switch u.Scheme {
	case "unix", "tcp", "http", "https":
		opts := []client.Opt{client.WithHost(t.host), client.WithAPIVersionNegotiation()}
		if t.tlsDir != "" {
			opts = append(opts, client.WithTLSClientConfig(
				present(t.tlsDir, "ca.pem"), present(t.tlsDir, "cert.pem"), present(t.tlsDir, "key.pem")))
		}
		return opts, nil
	case "ssh":
		helper, err := connhelper.GetConnectionHelper(t.host)
		if err != nil {
			return nil, fmt.Errorf("%q is not an SSH address: %w", t.host, err)
		}
		return []client.Opt{
			client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
			client.WithHost(helper.Host), // a name for the HTTP header only
			client.WithDialContext(helper.Dialer),
			client.WithAPIVersionNegotiation(),
		}, nil
	}
	return nil, fmt.Errorf("%q is not an address that Drydock knows: use unix:///path, tcp://host:port or ssh://user@host", t.host)
}

// present returns the path of a file, or "" when there is none: a context may hold a CA
// without a client certificate.
func present(dir, name string) string {
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// reason finds the cause that a person can act on.
func reason(host string, err error) error {
	path, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return err
	}
	switch _, statErr := os.Stat(path); {
	case errors.Is(statErr, fs.ErrNotExist):
		return fmt.Errorf("there is no socket %s", path)
	case strings.Contains(err.Error(), "permission denied"):
		return fmt.Errorf("this user may not use %s: %w", path, fs.ErrPermission)
	case statErr == nil && client.IsErrConnectionFailed(err):
		return fmt.Errorf("nothing answers on %s: the daemon is not running", path)
	}
	return err
}

func (c *Client) unavailableNext() string {
	switch {
	case strings.HasPrefix(c.host, "ssh://"):
		return "try `ssh " + strings.TrimPrefix(c.host, "ssh://") + " docker version` and correct DOCKER_HOST"
	case strings.HasPrefix(c.host, "unix://"):
		return "run `go tool mage setup`, which installs or starts it, or set DOCKER_HOST"
	}
	return "check the address in DOCKER_HOST and that the engine listens there"
}
