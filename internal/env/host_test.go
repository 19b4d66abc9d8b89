package env

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const debian = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_CODENAME=trixie\n"

func hostOf(files map[string]string) fstest.MapFS {
	host := fstest.MapFS{}
	for name, text := range files {
		host[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return host
}

// The forms of apt's configuration (sources.list(5)), with third parties that
// use Debian's suite names beside it.
func TestHostApt(t *testing.T) {
	byDefault := [2]string{byName()["DEBIAN_CHECK_VALID_UNTIL"].Default, "default"}
	for name, c := range map[string]struct {
		files                   map[string]string
		mirror, security, valid [2]string
	}{
		"deb822": {
			files: map[string]string{"etc/os-release": debian, "etc/apt/sources.list.d/debian.sources": `# comment
Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://mirror.local/debian/
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.local/debian-security
Suites: trixie-security
Components: main
`},
			mirror:   [2]string{"http://mirror.local/debian", "host: /etc/apt/sources.list.d/debian.sources"},
			security: [2]string{"http://mirror.local/debian-security", "host: /etc/apt/sources.list.d/debian.sources"},
			valid:    byDefault,
		},
		"one line": {
			files: map[string]string{"etc/os-release": "ID=\"debian\"\n", "etc/apt/sources.list": `
deb-src https://src.local/debian trixie main
deb [arch=amd64 signed-by=/x.gpg check-valid-until=no] https://nexus.local/repository/debian-proxy trixie main contrib # ours
deb https://nexus.local/repository/debian-security-proxy trixie-security main
`},
			mirror:   [2]string{"https://nexus.local/repository/debian-proxy", "host: /etc/apt/sources.list"},
			security: [2]string{"https://nexus.local/repository/debian-security-proxy", "host: /etc/apt/sources.list"},
			valid:    [2]string{"false", "host: /etc/apt/sources.list"},
		},
		"third parties": {
			files: map[string]string{"etc/os-release": debian,
				"etc/apt/sources.list.d/docker.list":        "deb https://download.docker.com/linux/debian trixie stable\n",
				"etc/apt/sources.list.d/a-hashicorp.list":   "deb https://apt.releases.hashicorp.com trixie main\n",
				"etc/apt/sources.list.d/a-grafana.sources":  "Types: deb\nURIs: https://apt.grafana.com\nSuites: stable\nComponents: main\n",
				"etc/apt/sources.list.d/debian.list":        "deb http://ftp.de.debian.org/debian trixie main\n",
				"etc/apt/sources.list.d/debian.list.save":   "deb http://old/debian trixie main\n",
				"etc/apt/sources.list.d/a-pgdg.sources.off": "Types: deb\nURIs: http://x/debian\nSuites: trixie\nComponents: main\n",
			},
			mirror:   [2]string{"http://ftp.de.debian.org/debian", "host: /etc/apt/sources.list.d/debian.list"},
			security: [2]string{"http://deb.debian.org/debian-security", "default"},
			valid:    byDefault,
		},
		"snapshot, switched off in apt.conf": {
			files: map[string]string{"etc/os-release": debian,
				"etc/apt/sources.list":       "deb http://snapshot.debian.org/archive/debian/20250520T000000Z trixie main\n",
				"etc/apt/apt.conf.d/99proxy": "// x\nAcquire::Check-Valid-Until \"false\";\n"},
			mirror:   [2]string{"http://snapshot.debian.org/archive/debian/20250520T000000Z", "host: /etc/apt/sources.list"},
			security: [2]string{"http://deb.debian.org/debian-security", "default"},
			valid:    [2]string{"false", "host: /etc/apt/apt.conf.d/99proxy"},
		},
		"switched off, disabled, other schemes": {
			files: map[string]string{"etc/os-release": debian, "etc/apt/sources.list.d/debian.sources": "Enabled: no\nTypes: deb\nURIs: http://x/debian\nSuites: trixie\nComponents: main\n\n" +
				"Types: deb\nURIs: mirror+file:/etc/apt/mirrors/debian.list\n cdrom:[Debian]/ \n http://second/debian\nSuites: trixie\nComponents: main\n"},
			mirror:   [2]string{"http://second/debian", "host: /etc/apt/sources.list.d/debian.sources"},
			security: [2]string{"http://deb.debian.org/debian-security", "default"},
			valid:    byDefault,
		},
		"Ubuntu": {
			files: map[string]string{"etc/os-release": "ID=ubuntu\nID_LIKE=debian\n", "etc/apt/sources.list": "deb http://archive.ubuntu.com/debian stable main\n",
				"etc/apt/apt.conf": "Acquire::Check-Valid-Until \"false\";\n"},
			mirror:   [2]string{"http://deb.debian.org/debian", "default"},
			security: [2]string{"http://deb.debian.org/debian-security", "default"},
			valid:    byDefault,
		},
		"nothing there": {
			mirror:   [2]string{"http://deb.debian.org/debian", "default"},
			security: [2]string{"http://deb.debian.org/debian-security", "default"},
			valid:    byDefault,
		},
	} {
		t.Run(name, func(t *testing.T) {
			src := source(checkout(t, nil), "dev")
			src.Host = hostOf(c.files)
			s, err := Load(src)
			require.NoError(t, err)
			for key, want := range map[string][2]string{"DEBIAN_MIRROR": c.mirror, "DEBIAN_SECURITY_MIRROR": c.security, "DEBIAN_CHECK_VALID_UNTIL": c.valid} {
				v, _ := s.Lookup(key)
				assert.Equal(t, want, [2]string{v.Value, v.Origin}, key)
			}
		})
	}
}

func TestHostDefaults(t *testing.T) {
	for name, c := range map[string]struct {
		files           map[string]string
		environ         []string
		key, want, from string
	}{
		"go env -w":            {map[string]string{"root/.config/go/env": "GOFLAGS=-x\nGOPROXY=https://goproxy.local\n"}, []string{"HOME=/root"}, "GOPROXY", "https://goproxy.local", "host: /root/.config/go/env"},
		"go env -w, XDG":       {map[string]string{"cfg/go/env": "GOSUMDB=off\n"}, []string{"HOME=/root", "XDG_CONFIG_HOME=/cfg"}, "GOSUMDB", "off", "host: /cfg/go/env"},
		"GOENV":                {map[string]string{"my/env": "GOPROXY=direct\n"}, []string{"GOENV=/my/env"}, "GOPROXY", "direct", "host: /my/env"},
		"GOENV=off":            {map[string]string{"root/.config/go/env": "GOPROXY=x\n"}, []string{"HOME=/root", "GOENV=off"}, "GOPROXY", "https://proxy.golang.org,direct", "default"},
		"GOPROXY":              {map[string]string{"root/.config/go/env": "GOPROXY=x\n"}, []string{"HOME=/root", "GOPROXY=off"}, "GOPROXY", "off", "process environment"},
		"no home":              {nil, nil, "GOPROXY", "https://proxy.golang.org,direct", "default"},
		"npm, environment":     {nil, []string{"NPM_CONFIG_REGISTRY=https://npm.local/"}, "NPM_REGISTRY", "https://npm.local/", "host: NPM_CONFIG_REGISTRY in the process environment"},
		"npm, lower case":      {nil, []string{"npm_config_registry=https://npm.local/"}, "NPM_REGISTRY", "https://npm.local/", "host: npm_config_registry in the process environment"},
		"npmrc":                {map[string]string{"root/.npmrc": "@me:registry=https://other/\n; x\nregistry = \"https://${NPM_HOST}/npm/\"\n"}, []string{"HOME=/root", "NPM_HOST=npm.local"}, "NPM_REGISTRY", "https://npm.local/npm/", "host: /root/.npmrc"},
		"system's npmrc":       {map[string]string{"etc/npmrc": "registry=http://npm.local\n"}, []string{"HOME=/root"}, "NPM_REGISTRY", "http://npm.local", "host: /etc/npmrc"},
		"proxy":                {nil, []string{"HTTP_PROXY=http://upper:1", "http_proxy=http://lower:1"}, "HTTP_PROXY", "http://upper:1", "process environment"},
		"proxy, lower case":    {nil, []string{"https_proxy=lower:1"}, "HTTPS_PROXY", "lower:1", "host: https_proxy in the process environment"},
		"no_proxy":             {nil, []string{"no_proxy=localhost,.local"}, "NO_PROXY", "localhost,.local", "host: no_proxy in the process environment"},
		"upper case but empty": {nil, []string{"HTTP_PROXY=", "http_proxy=http://lower:1"}, "HTTP_PROXY", "", "process environment"},
	} {
		t.Run(name, func(t *testing.T) {
			src := source(checkout(t, nil), "dev", c.environ...)
			src.Host = hostOf(c.files)
			s, err := Load(src)
			require.NoError(t, err)
			v, _ := s.Lookup(c.key)
			assert.Equal(t, [2]string{c.want, c.from}, [2]string{v.Value, v.Origin})
		})
	}
}

func TestHostCA(t *testing.T) {
	const mine, debians, fedoras = "/my/ca.pem", "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"
	for _, c := range []struct {
		files   []string
		environ string
		want    string
	}{
		{[]string{mine, debians}, mine, mine},
		{[]string{debians, fedoras}, mine, debians},
		{[]string{fedoras}, "", fedoras},
		{nil, "", ""},
	} {
		host := map[string]string{}
		for _, f := range c.files {
			host[f[1:]] = "PEM"
		}
		f := &facts{files: hostOf(host), process: map[string]string{"SSL_CERT_FILE": c.environ}}
		got, from := hostCA(f)
		assert.Equal(t, c.want, got)
		assert.Equal(t, c.want == "", from == "")
	}
}

// The typed proxy always has a scheme, whatever the variable says.
func TestProxyGetsAScheme(t *testing.T) {
	s, err := Load(source(checkout(t, nil), "dev", "https_proxy=me:pw@proxy:1"))
	require.NoError(t, err)
	assert.Equal(t, "http://me:pw@proxy:1", s.Build.HTTPSProxy)
}

func TestConfigDir(t *testing.T) {
	mac := &facts{goos: "darwin", process: map[string]string{"HOME": "/Users/me"}}
	assert.Equal(t, "/Users/me/Library/Application Support", mac.configDir())
	assert.Equal(t, "", (&facts{goos: "linux"}).configDir())
}
