package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dockerConfig writes a docker configuration with one context named remote.
func dockerConfig(t *testing.T, config, meta string, withTLS bool) string {
	t.Helper()
	dir := t.TempDir()
	sum := sha256.Sum256([]byte("remote"))
	id := hex.EncodeToString(sum[:])
	write := func(path, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	if config != "" {
		write(filepath.Join(dir, "config.json"), config)
	}
	if meta != "" {
		write(filepath.Join(dir, "contexts", "meta", id, "meta.json"), meta)
	}
	if withTLS {
		write(filepath.Join(dir, "contexts", "tls", id, "docker", "ca.pem"), "")
	}
	return dir
}

func TestResolveAsTheDockerCommandDoes(t *testing.T) {
	const meta = `{"Name":"remote","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://ops@host","SkipTLSVerify":false}}}`
	use := `{"currentContext":"remote"}`
	for name, test := range map[string]struct {
		host, config, meta, context string
		tls                         bool
		want                        string
		err                         string
	}{
		"a host wins":                 {host: "tcp://h:1", config: use, meta: meta, want: "tcp://h:1"},
		"nothing is configured":       {want: defaultHost},
		"no context is chosen":        {config: `{"auths":{}}`, want: defaultHost},
		"the default context":         {config: `{"currentContext":"default"}`, want: defaultHost},
		"a context is chosen":         {config: use, meta: meta, want: "ssh://ops@host"},
		"a context is given":          {context: "remote", meta: meta, want: "ssh://ops@host"},
		"with certificates":           {config: use, meta: meta, tls: true, want: "ssh://ops@host"},
		"the chosen one is missing":   {config: use, err: `"remote"`},
		"the configuration is broken": {config: `{`, err: "config.json"},
		"the context is broken":       {config: use, meta: `{`, err: "meta.json"},
		"the context has no host":     {config: use, meta: `{"Endpoints":{}}`, err: "no docker host"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := dockerConfig(t, test.config, test.meta, test.tls)
			got, err := resolve(test.host, openOptions{configDir: dir, context: test.context})
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got.host)
			assert.Equal(t, test.tls, got.tlsDir != "")
		})
	}
}

func TestOpenWithoutAnEngine(t *testing.T) {
	for host, want := range map[string]string{
		"unix:///nonexistent/docker.sock": "no socket",
		"tcp://127.0.0.1:1":               "DOCKER_HOST",
		"fax://host":                      "unix:///path",
		"ssh://":                          "SSH",
	} {
		_, err := Open(t.Context(), host)
		require.ErrorContains(t, err, want, host)
	}
	_, err := Open(t.Context(), "unix:///nonexistent/docker.sock")
	require.ErrorIs(t, err, ErrUnavailable)
	assert.ErrorContains(t, err, "go tool mage setup")
	var coder interface{ ExitCode() int }
	require.ErrorAs(t, err, &coder)
	assert.Equal(t, 3, coder.ExitCode())

	file := filepath.Join(t.TempDir(), "s") // a socket that nobody listens on any more
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(t.Context(), "unix://"+file)
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestCLIEnvLeadsToTheSameEngine(t *testing.T) {
	c := &Client{host: "tcp://h:2376", tls: "/certs"}
	assert.Equal(t, []string{"DOCKER_HOST=tcp://h:2376", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/certs"}, c.CLIEnv())
	c = &Client{host: "ssh://h"}
	assert.Equal(t, []string{"DOCKER_HOST=ssh://h", "DOCKER_TLS_VERIFY="}, c.CLIEnv(), "certificates around are for another engine")
	assert.False(t, c.Local())
}

// What the docker command takes from its environment we take, too, and from nowhere else.
func TestFromEnviron(t *testing.T) {
	apply := func(environ ...string) (string, openOptions) {
		host, options := FromEnviron(environ)
		var o openOptions
		for _, option := range options {
			option(&o)
		}
		return host, o
	}
	host, o := apply("DOCKER_HOST=tcp://h:2376", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/certs", "DOCKER_CONTEXT=c", "DOCKER_CONFIG=/config", "X=y")
	assert.Equal(t, "tcp://h:2376", host)
	assert.Equal(t, openOptions{configDir: "/config", context: "c", tlsDir: "/certs"}, o)
	_, o = apply("DOCKER_CERT_PATH=/certs", "DOCKER_TLS_VERIFY=")
	assert.Empty(t, o.tlsDir, "certificates are asked for with DOCKER_TLS_VERIFY")
}
