//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// A deploy starts what is missing of the services that both colours share, changes none that
// runs, and names the setting for which it should be.
func testShared(t *testing.T, s *site) {
	backup := s.one(t, "backup").ID
	r := s.must("deploy:prod", s.next(), "BACKUP_WEBHOOK=http://127.0.0.1:9/hook")
	assert.Contains(t, r.err, "has another BACKUP_WEBHOOK than the settings")
	assert.Equal(t, backup, s.one(t, "backup").ID)

	s.environ = append(s.environ, "RPO=zero")
	s.must("up")
	guard := s.one(t, "guard")
	require.NoError(t, s.engine.Remove(t.Context(), guard.ID))
	assert.Regexp(t, `(?m)^guard +missing`, s.run("status").out)
	s.must("deploy:prod", s.next())
	assert.Equal(t, engine.Running, s.one(t, "guard").State)
	assert.NotRegexp(t, `(?m)^guard +missing`, s.run("status").out)
}

// live are the ids of the containers of the colour that serves.
func (s *site) live(t *testing.T) (ids []string) {
	t.Helper()
	project := s.project + "-" + string(s.status().Situation.Active)
	list, err := s.engine.Containers(t.Context(), engine.Filter{Labels: map[string]string{"com.docker.compose.project": project}})
	require.NoError(t, err)
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids
}

// up is for the base, in prod: what a deploy has made live is replaced by a deploy.
func testUpStays(t *testing.T, s *site) {
	s.must("deploy:prod", s.next())
	release, ids := s.serves(), s.live(t)
	r := s.must("up", "BACKEND_ENV_RELEASE=another")
	assert.Contains(t, r.err, "(release "+release+") serves and stays")
	assert.Equal(t, ids, s.live(t))

	for _, id := range ids {
		require.NoError(t, s.engine.Stop(t.Context(), id, 0))
	}
	s.must("up", "BACKEND_ENV_RELEASE=another")
	assert.Equal(t, ids, s.live(t), "started, not made anew")
	assert.Equal(t, release, s.serves())

	for _, id := range ids {
		require.NoError(t, s.engine.Remove(t.Context(), id))
	}
	s.must("up", fmt.Sprintf("BACKEND_ENV_RELEASE=%d", s.n))
	assert.Equal(t, release, s.serves(), "made anew, as the release that it was")
	assert.Len(t, s.live(t), len(ids))
	assert.Contains(t, s.must("deploy:prod", fmt.Sprintf("BACKEND_ENV_RELEASE=%d", s.n)).err, "nothing to do")
}

// What the gateway cannot ask cannot be deployed; what is said leads there and back.
func testElsewhere(t *testing.T, s *site) {
	s.must("deploy:prod", s.next())
	before := s.serves()
	moved := []string{"BACKEND_PORT=8099", s.next()}
	r := s.run("deploy:prod", moved...)
	assert.Equal(t, run.CodeBadInput, r.code)
	assert.Regexp(t, `BACKEND_PORT differs from what the gateway runs with \(\d+, now 8099\)`, r.err)
	assert.Contains(t, s.must("deploy:plan", moved...).out, "IT WOULD BE REFUSED: BACKEND_PORT differs")
	r = s.run("up", moved...)
	assert.Equal(t, run.CodeBadInput, r.code)
	assert.Contains(t, r.err, "the site is away until")
	assert.Equal(t, 200, testkit.Get(t, s.base+"/api/version").Status, "nothing was done")

	assert.Contains(t, s.must("up", append(moved, "YES=1")...).err, "the site is away, as was asked for")
	s.must("deploy:prod", moved...)
	assert.Equal(t, 200, testkit.Get(t, s.base+"/api/version").Status)
	s.must("deploy:rollback", "BACKEND_PORT=8099")
	assert.Equal(t, before, s.serves(), "made anew: its containers of before listen elsewhere")
	assert.Equal(t, 200, testkit.Get(t, s.base+"/api/version").Status)

	s.must("up", "YES=1")
	s.must("deploy:prod", s.next())
	assert.Equal(t, 200, testkit.Get(t, s.base+"/api/version").Status)
}

// A release that crashes is stopped when it is left, and does not crash on beside the good one.
func testLeftCrashing(t *testing.T, s *site) {
	s.must("deploy:prod", append(s.faulty(""), s.next())...)
	good := s.serves()
	s.must("deploy:prod", append(s.faulty("crash", "BACKEND_ENV_FAULT_AFTER=8s", "WATCH_FOR=0s", "KEEP_WARM=true"), s.next())...)
	bad := s.serves()
	require.NotEqual(t, good, bad)
	require.Eventually(t, func() bool {
		now := s.status().Situation
		return now.Colour(now.Active).Restarts > 1
	}, time.Minute, time.Second)
	s.must("deploy:rollback", "WATCH_FOR=0s", "KEEP_WARM=true")
	assert.Equal(t, good, s.serves())
	s.stoppedAndKept(t, bad)
	assert.Zero(t, s.run("status").code)
}

// The database is lost and restored, from a checkout that is not what serves: up migrates the
// empty one with the release's own image, and what the restore has stopped is what it starts again.
func testRestoredInPlace(t *testing.T, s *site) {
	settings := []string{"RPO=archive", s.next()}
	s.must("up", settings...)
	s.must("deploy:prod", settings...)
	release, ids := s.serves(), s.live(t)
	s.must("backup:full", settings...)
	for _, service := range []string{"backup", "db"} {
		require.NoError(t, s.engine.Remove(t.Context(), s.one(t, service).ID))
	}
	require.NoError(t, s.engine.RemoveVolume(t.Context(), s.project+"-db"))
	r := s.must("up", append(settings, "BACKEND_ENV_RELEASE=another")...)
	assert.Contains(t, r.err, "the database is empty: migrating it with")
	assert.Equal(t, release, s.serves())
	assert.Equal(t, ids, s.live(t))

	r = s.must("backup:restore", append(settings, "AT=latest", "REPLACE=1", "BACKEND_ENV_RELEASE=another")...)
	assert.Contains(t, r.out, "in place")
	assert.Contains(t, r.out, "ENV=prod go tool mage backup:restore")
	assert.Equal(t, release, s.serves())
	assert.Equal(t, ids, s.live(t))
	assert.Contains(t, s.must("deploy:prod", settings...).err, "nothing to do")
}
