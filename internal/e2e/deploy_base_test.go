//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/compose"
	"drydock/internal/deploy"
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

	lost, err := s.engine.Containers(t.Context(), engine.OfService(s.project+"-"+string(s.status().Situation.Active), "backend"))
	require.NoError(t, err)
	require.Len(t, lost, 2)
	require.NoError(t, s.engine.Remove(t.Context(), lost[0].ID))
	r = s.must("up", fmt.Sprintf("BACKEND_ENV_RELEASE=%d", s.n))
	assert.Contains(t, r.err, "1 of 2 of the backend: making what is missing")
	now := s.live(t)
	assert.Len(t, now, len(ids))
	assert.Subset(t, now, slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == lost[0].ID }), "what was there stays as it was")
	assert.Equal(t, release, s.serves())

	for _, id := range now {
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

	c := s.begin("backup:restore", append(settings, "AT=latest", "REPLACE=1", "BACKEND_ENV_RELEASE=another")...)
	require.True(t, c.until(func(line string) bool { return strings.HasPrefix(line, "restore: stopping ") }))
	for _, other := range [][]string{{"up"}, {"deploy:prod", "BACKEND_ENV_RELEASE=another"}, {"backup:restore", "AT=latest", "REPLACE=1"}} {
		held := s.run(other[0], append(slices.Clone(settings), other[1:]...)...)
		assert.Equal(t, run.CodeBusy, held.code, "%v beside a restore: %s", other, held.err)
		assert.Regexp(t, `tester on \S+ \(process \d+\), restore in place of latest since`, held.err)
	}
	r = c.wait()
	require.Zero(t, r.code, r.err)
	assert.Contains(t, r.out, "in place")
	assert.Contains(t, r.out, "ENV=prod go tool mage backup:restore")
	assert.Equal(t, release, s.serves())
	assert.Equal(t, ids, s.live(t))
	assert.Contains(t, s.must("deploy:prod", settings...).err, "nothing to do")
}

// A gateway that has lost its volume would begin with blue. What serves is what served: up and a
// deploy know it from the record, and a deploy that was killed is judged by what is true.
func testLostGateway(t *testing.T, s *site) {
	s.must("deploy:prod", s.next())
	if s.status().Situation.Active == compose.Blue {
		s.must("deploy:prod", s.next())
	}
	st := s.status().Situation
	require.Equal(t, compose.Green, st.Active)
	require.True(t, st.Blue.Well(), "both are there: nobody can tell by that")
	release := s.serves()
	lose := func(volume bool) {
		t.Helper()
		require.NoError(t, s.engine.Remove(t.Context(), s.one(t, "gateway").ID))
		if volume {
			require.NoError(t, s.engine.RemoveVolume(t.Context(), s.project+"-gateway"))
		}
	}
	served := fmt.Sprintf("BACKEND_ENV_RELEASE=%d", s.n)
	const told = "the gateway had lost which colour is live"

	lose(true)
	assert.Equal(t, release, s.serves(), "without a gateway it is what was written down")
	assert.Contains(t, s.must("up", served).err, told)
	assert.Equal(t, release, s.serves())
	assert.Equal(t, 200, testkit.Get(t, s.base+"/api/version").Status)
	assert.NotContains(t, s.must("up", served).err, told, "it is known again")

	lose(true)
	r := s.must("deploy:prod", served)
	assert.Contains(t, r.err, told)
	assert.Contains(t, r.err, "nothing to do")
	assert.Equal(t, release, s.serves())

	// The release that was under way has never served, whatever a gateway that is gone would begin with.
	c := s.begin("deploy:prod", s.next())
	require.True(t, c.untilStep("smoke"), c.said.String())
	c.signal(syscall.SIGKILL)
	c.wait()
	require.Eventually(t, func() bool { st := s.status(); return st.Lock == nil || !st.Lock.Alive }, 30*time.Second, 200*time.Millisecond)
	under := s.status().Under
	require.NotNil(t, under)
	require.Equal(t, compose.Blue, under.To)
	lose(false)
	assert.Equal(t, release, s.serves())
	s.must("deploy:prod", s.next())
	h := s.history()
	i := slices.IndexFunc(h, func(r deploy.Record) bool { return r.Release == under.Release.ID })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, deploy.Interrupted, h[i].Outcome)
	s.tidy(t)
}
