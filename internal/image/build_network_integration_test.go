//go:build integration

package image

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

func TestBuildLeavesNoTraceOfTheNetwork(t *testing.T) {
	s := newSite(t)
	img := s.build(s.options())
	r, err := s.engine.Save(t.Context(), img.Ref)
	require.NoError(t, err)
	defer r.Close()
	archive, err := io.ReadAll(r) // layers are plain tars in it, configuration and history as well
	require.NoError(t, err)
	require.True(t, bytes.Contains(archive, []byte("made\n")), "the layers can be searched")
	for _, canary := range []string{"canary", s.dir} {
		if i := bytes.Index(archive, []byte(canary)); i >= 0 {
			t.Errorf("%s is in the image: %q", canary, archive[max(0, i-200):min(len(archive), i+200)])
		}
	}
	require.NotContains(t, s.said.String(), "canary-password")
	history, err := s.engine.History(t.Context(), img.ID)
	require.NoError(t, err)
	for _, step := range history {
		require.NotContains(t, step.CreatedBy, "canary")
	}
}

// With BUILD_NETWORK=host a step is in this machine's network, where it sees our port.
func TestBuildNetworkHost(t *testing.T) {
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port, err := netip.ParseAddrPort(l.Addr().String())
	require.NoError(t, err)
	// State 0A is "listening", see proc_net_tcp(5).
	s.write("apps/one/Dockerfile", fmt.Sprintf("FROM %s AS prod\nUSER 0:0\nRUN grep -q ':%04X 00000000:0000 0A' /proc/net/tcp\nHEALTHCHECK CMD [\"cat\"]\n",
		testkit.ShellImage(t), port.Port()))
	require.True(t, s.build(s.options()).Built)

	s.settings.Build.Network = "default"
	o := s.options()
	o.NoCache = true
	_, err = Build(t.Context(), o)
	require.ErrorContains(t, err, "exit code: 1")
}
