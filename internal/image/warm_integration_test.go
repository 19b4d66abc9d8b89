//go:build integration

package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// warmDockerfile makes folders and files in each way in which a builder's cache can answer
// with something older: a copy of sources, of another stage, of one file into new folders,
// and steps that change, replace and remove what is below them.
const warmDockerfile = `FROM %BASE% AS build
USER 0:0
COPY . /out/app/deep/
WORKDIR /out/empty
RUN cat /out/app/deep/a >/out/app/made; echo 1 >>/out/app/deep/sub/x/y

FROM %BASE% AS prod
USER 0:0
COPY --from=build /out/ /
COPY a /one/two/three/a
COPY sub /sub
RUN echo made >/made; cat /sub/x/y >/sub/x/z; echo more >>/app/deep/a; cat /one/two/three/a >/one/two/b
HEALTHCHECK CMD ["cat"]
CMD ["cat"]
`

func newWarmSite(t *testing.T) *site {
	s := newSite(t)
	s.write("apps/one/Dockerfile", strings.ReplaceAll(warmDockerfile, "%BASE%", testkit.ShellImage(t)))
	s.write("apps/one/sub/x/y", "y")
	return s
}

// moby/buildkit 4748: what the cache holds has the times of the build that made it, and
// COPY does not look at times. The same sources must give the same image, whatever was
// built before, and whenever the commit claims to be from.
func TestAWarmCacheGivesTheSameImage(t *testing.T) {
	s := newWarmSite(t)
	s.git("init", "-q", "-b", "main")
	s.write(".gitignore", ".drydock/\n.secrets/\n")
	s.commit("2026-02-03T04:05:06Z")
	s.build(s.options())
	s.write("apps/one/a", "another")
	s.commit("2026-03-04T05:06:07Z")
	s.build(s.options())

	second := second(t)
	move(t, s.engine, second, testkit.ShellImage(t))
	for _, at := range []string{"2026-04-05T06:07:08Z", "2001-01-01T00:00:00Z", "2094-01-01T00:00:00Z"} {
		// The first content again, by another commit: half of it is in the cache.
		s.write("apps/one/a", "a")
		s.commit(at)
		s.removeImages(t, s.engine)
		warm := s.build(s.options())
		require.True(t, warm.Built)
		listed := s.listing(warm.ID)

		o := s.options()
		o.NoCache = true
		cold := s.build(o)
		s.equal(listed, s.listing(cold.ID))
		require.Equal(t, warm.ID, cold.ID, at)

		o.Engine = second
		require.Equal(t, warm.ID, s.build(o).ID, at)
		s.removeImages(t, second)
		s.write("apps/one/a", "another")
		s.commit(at)
	}
}

// listing describes every entry of an image's layers.
func (s *site) listing(id string) map[string]string {
	s.t.Helper()
	made, err := save(s.t.Context(), s.engine, id)
	require.NoError(s.t, err)
	defer made.Close()
	out := map[string]string{}
	for i, l := range made.Layers {
		r, err := l.uncompressed()
		require.NoError(s.t, err)
		for n, tr := 0, tar.NewReader(r); ; n++ {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(s.t, err)
			out[fmt.Sprintf("layer %d: %s", i, h.Name)] = fmt.Sprintf("%c at %d, mode %o, owner %d:%d, size %d, link %q, time %s, %v",
				h.Typeflag, n, h.Mode, h.Uid, h.Gid, h.Size, h.Linkname, h.ModTime.UTC(), h.PAXRecords)
		}
		require.NoError(s.t, r.Close())
	}
	return out
}

// equal says of two images what differs, which their ids alone do not.
func (s *site) equal(a, b map[string]string) {
	s.t.Helper()
	names := maps.Clone(a)
	maps.Copy(names, b)
	for name := range names {
		if a[name] != b[name] {
			s.t.Errorf("%s\n  %s\n  %s", name, a[name], b[name])
		}
	}
}
