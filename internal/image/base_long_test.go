//go:build integration && long

package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A root made from packages has nothing of the machine and the mirror that it was made
// with: names, addresses, identities, logs.
func TestBootstrapLeavesNoTrace(t *testing.T) {
	s := baseSettings(t)
	dir := t.TempDir()
	var said bytes.Buffer
	path, err := bootstrap(t.Context(), s, "trixie", dir, &said)
	require.NoError(t, err, said.String())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "only the root")

	mirror, err := url.Parse(s.Build.DebianMirror)
	require.NoError(t, err)
	hostname, err := os.Hostname()
	require.NoError(t, err)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	seen := map[string]bool{}
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		name := strings.TrimPrefix(h.Name, "./")
		seen[name] = true
		require.LessOrEqual(t, h.ModTime.Unix(), int64(debianEpoch)+2*365*86400, "%s has the time of this build", name)
		switch {
		case strings.HasPrefix(name, "var/lib/apt/lists/") && h.Typeflag == tar.TypeReg && !strings.HasSuffix(name, "/lock"),
			strings.HasPrefix(name, "var/cache/apt/") && h.Typeflag == tar.TypeReg,
			strings.HasSuffix(name, "99mmdebstrap"), strings.HasPrefix(name, "etc/apt/sources.list.d/") && h.Typeflag == tar.TypeReg:
			t.Errorf("%s should not be in the root", name)
		case name == "etc/hostname" || name == "etc/resolv.conf" || name == "etc/machine-id":
			require.Zero(t, h.Size, "%s is of this machine", name)
		case strings.HasPrefix(name, "etc/") || strings.HasPrefix(name, "var/log/"):
			data, err := io.ReadAll(tr)
			require.NoError(t, err)
			if host := mirror.Hostname(); host != "deb.debian.org" {
				require.NotContains(t, string(data), host, name)
			}
			require.NotContains(t, string(data), dir, name)
			if len(hostname) > 3 {
				require.NotContains(t, string(data), hostname, name)
			}
		}
	}
	require.True(t, seen["usr/bin/dpkg"] && seen["etc/os-release"] || seen["usr/lib/os-release"])
}
