//go:build integration && long

package image

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/testkit"
)

// What ships has nothing of the network and the machine that it was built in: the mirrors,
// proxies and authorities of this machine, and where the sources lay.
func TestWhatShipsHasNoTraceOfThisMachine(t *testing.T) {
	e := testkit.Engine(t)
	s, err := env.Load(env.Source{Root: testkit.Root(t), Environ: os.Environ(), ReadOnly: true})
	require.NoError(t, err)
	traces := []string{filepath.Join(s.Root, "internal"), filepath.Join(s.Root, "apps")}
	// These stand in the documentation of many packages.
	public := []string{"", "deb.debian.org", "security.debian.org", "proxy.golang.org", "registry.npmjs.org"}
	b := s.Build
	addresses := append([]string{b.DebianMirror, b.SecurityMirror, b.NpmRegistry, b.HTTPProxy, b.HTTPSProxy}, strings.FieldsFunc(b.GoProxy, func(r rune) bool { return r == ',' || r == '|' })...)
	for _, address := range addresses {
		u, err := url.Parse(address)
		require.NoError(t, err)
		if !slices.Contains(public, u.Hostname()) {
			traces = append(traces, u.Host)
		}
	}
	// An authority of this machine's own, where Debian's update-ca-certificates takes it from.
	own, err := filepath.Glob("/usr/local/share/ca-certificates/*.crt")
	require.NoError(t, err)
	for _, file := range own {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := strings.Split(string(text), "\n")
		traces = append(traces, strings.TrimSpace(lines[len(lines)/2]))
	}
	list, err := Build(t.Context(), BuildOptions{
		Settings: s, Engine: e, Err: os.Stderr, Stage: StageProd, Names: []string{Backend, Frontend, Gateway, Postgres, Redis, Backup},
	})
	require.NoError(t, err)
	for _, img := range list {
		r, err := e.Save(t.Context(), img.Ref)
		require.NoError(t, err)
		archive, err := io.ReadAll(r) // layers are plain tars in it, configuration and history as well
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.True(t, bytes.Contains(archive, []byte("etc/")), "the layers of %s can be searched", img.Name)
		for _, trace := range traces {
			i := bytes.Index(archive, []byte(trace))
			assert.Negative(t, i, "%s has %s", img.Name, trace)
			if i >= 0 {
				t.Logf("%q", archive[max(0, i-200):min(len(archive), i+200)])
			}
		}
	}
	t.Logf("looked for %q", traces)
}
