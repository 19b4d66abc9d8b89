//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/deploy"
	"drydock/internal/engine"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// TestDeploy deploys to one scratch environment in every way, with the command that
// people have, so that processes can be killed.
func TestDeploy(t *testing.T) {
	t.Parallel() // beside TestProd
	s := newSite(t)
	sub := func(name string, fn func(t *testing.T, s *site)) {
		t.Run(name, func(t *testing.T) {
			whole := s.t
			s.t = t
			defer func() { s.t = whole }()
			fn(t, s)
		})
	}

	sub("an empty engine", func(t *testing.T, s *site) {
		s.must("deploy:prod", s.next())
		st := s.status()
		assert.Nil(t, st.Lock)
		assert.Nil(t, st.Under)
		assert.Len(t, st.Kept, 1)
		assert.Equal(t, 3, st.Situation.Colour(st.Situation.Active).Healthy)
		assert.Equal(t, 200, testkit.Get(t, s.base+"/api/version").Status)
	})

	sub("nothing to do", func(t *testing.T, s *site) {
		before := s.status()
		r := s.must("deploy:prod", fmt.Sprintf("BACKEND_ENV_RELEASE=%d", s.n))
		assert.Contains(t, r.err, "nothing to do")
		assert.Equal(t, before.Situation, s.status().Situation)
	})

	sub("in a row under load", testInARow)
	sub("back to a warm release", testRollback)
	sub("interrupted", testInterrupted)
	sub("killed at each step", testKilledAtEachStep)
	sub("bad releases", testBad)
	if !testing.Short() {
		sub("a lock of a dead deploy", testUnlock)
		sub("what both colours share", testShared)
		sub("up leaves the release", testUpStays)
		sub("the gateway asks elsewhere", testElsewhere)
		sub("left while it crashes", testLeftCrashing)
		sub("restored in place", testRestoredInPlace)
		sub("the gateway has lost its state", testLostGateway)
	}
}

// quickOr is the smaller choice of a run that people wait for (-short), or all of it.
func quickOr[T any](quick, all T) T {
	if testing.Short() {
		return quick
	}
	return all
}

// coollabsio/coolify 8627 and 5730 (requests went to a container that was told to stop,
// and were cut), wowu/docker-rollout 14 and 30 (nginx dialled removed containers after the
// second rollout), basecamp/kamal 1655 (the disk filled): deploys in a row, with
// everything that a product's users do.
func testInARow(t *testing.T, s *site) {
	u := newUsers(t, s)
	time.Sleep(2 * time.Second) // a part of the load is there before the first
	for i := range quickOr(2, 20) {
		c := s.begin("deploy:prod", s.next())
		if i == 1 {
			require.True(t, c.untilStep("start"))
			busy := s.run("deploy:prod", s.next())
			assert.Equal(t, run.CodeBusy, busy.code, busy.err)
			assert.Regexp(t, `somebody else is at work: tester on \S+ \(process \d+\), deploy of \S+ since .*at the step "`, busy.err)
			st := s.status()
			require.NotNil(t, st.Lock)
			assert.True(t, st.Lock.Alive)
			assert.NotNil(t, st.Under)
			assert.Equal(t, run.CodeBusy, s.run("up").code, "up would make the same containers")
			live := s.run("deploy:unlock")
			assert.Equal(t, run.CodeBusy, live.code, "a lock of a living deploy is not removed just so")
		}
		r := c.wait()
		require.Zero(t, r.code, r.err)
		t.Logf("deploy %d in %s", i+1, r.took.Round(100*time.Millisecond))
	}
	u.content(t)
	for _, r := range s.history() {
		t.Logf("%s %s: %d ms, switch %d ms", r.Release, r.Outcome, r.MS, r.SwitchMS)
	}
	s.tidy(t)
}

// tidy demands that nothing is left over: containers of two colours and of the base, a
// bounded number of images, no lock, no one-shots.
func (s *site) tidy(t *testing.T) {
	t.Helper()
	apps := map[string]int{}
	for _, c := range s.all(t.Context()) {
		assert.NotEqual(t, "True", c.Labels["com.docker.compose.oneoff"], c.Name)
		assert.NotEqual(t, engine.Created, c.State, c.Name)
		if c.Project() == s.project {
			assert.Equal(t, engine.Running, c.State, c.Name)
		} else {
			apps[c.Project()+" "+c.Service()]++
		}
	}
	assert.Equal(t, map[string]int{
		s.project + "-blue backend": 2, s.project + "-blue frontend": 1,
		s.project + "-green backend": 2, s.project + "-green frontend": 1,
	}, apps)
	st := s.status()
	assert.Nil(t, st.Lock)
	assert.Nil(t, st.Under)
	assert.LessOrEqual(t, len(st.Kept), 3)
}

func testRollback(t *testing.T, s *site) {
	for len(s.status().Kept) < 3 {
		s.must("deploy:prod", s.next())
	}
	before := s.status()
	// Somebody has stopped a part of what waits; up makes it whole.
	waiting, err := s.engine.Containers(t.Context(), engine.OfService(s.project+"-"+string(before.Situation.Active.Other()), "backend", engine.Running))
	require.NoError(t, err)
	require.Len(t, waiting, 2)
	require.NoError(t, s.engine.Stop(t.Context(), waiting[0].ID, 0))
	assert.Contains(t, s.must("up", fmt.Sprintf("BACKEND_ENV_RELEASE=%d", s.n)).err, "starting "+waiting[0].Name+", which waits for a rollback")
	u := newUsers(t, s)
	r := s.must("deploy:rollback", "WATCH_FOR=0s")
	t.Logf("rollback in %s", r.took.Round(100*time.Millisecond))
	assert.NotContains(t, r.err, "Creating", "nothing is made: it was warm")
	assert.Equal(t, before.Kept[1].ID, s.serves())
	assert.Contains(t, s.status().Rollback, before.Kept[2].ID, "back again is further back, not where it was bad")
	s.must("deploy:rollback", "TO="+before.Kept[0].ID, "WATCH_FOR=0s")
	assert.Equal(t, before.Kept[0].ID, s.serves())
	u.content(t)
	if !testing.Short() { // not warm any more: from its images
		s.must("deploy:rollback", "TO="+before.Kept[2].ID)
		assert.Equal(t, before.Kept[2].ID, s.serves())
	}
	assert.Equal(t, deploy.KindRollback, s.history()[len(s.history())-1].Kind)
	assert.Equal(t, run.CodeBadInput, s.run("deploy:rollback", "TO=v99").code)
}

// deployphp/deployer 3335, dokku/dokku 3167: a cancelled job left its lock. INT and TERM
// undo, give the lock back, and exit with 130.
func testInterrupted(t *testing.T, s *site) {
	before := s.serves()
	u := newUsers(t, s)
	for i, step := range quickOr([]string{"watch"}, []string{"start", "gate", "watch"}) {
		sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[i%2]
		c := s.begin("deploy:prod", s.next(), "WATCH_FOR=30s")
		require.True(t, c.untilStep(step), c.said.String())
		c.signal(sig)
		r := c.wait()
		assert.Equal(t, run.CodeInterrupted, r.code, "%s\n%s", step, r.err)
		assert.Contains(t, r.err, "putting back", step)
		assert.Equal(t, before, s.serves(), step)
		st := s.status()
		assert.Nil(t, st.Lock, step)
		assert.Nil(t, st.Under, step)
		assert.Equal(t, deploy.Undone, s.history()[len(s.history())-1].Outcome)
	}
	u.content(t)
}

// wowu/docker-rollout 25 (killed tools left containers that piled up), and again deployer
// 3335 and dokku 3167, now with KILL: at each step, and the next deploy goes on by itself.
func testKilledAtEachStep(t *testing.T, s *site) {
	// A backend that ends at once when it is told to: whatever still came to it would fail.
	next := func() []string { return append(s.faulty(""), "BACKEND_MIGRATE=migrate", s.next()) }
	s.must("deploy:prod", next()...)
	load := testkit.StartLoad(t, testkit.Load{URL: s.base + "/api/anything", Rate: 25, Workers: 16, NewConnections: true})
	steps := quickOr([]string{"settle", "switch"},
		[]string{"lock", "base", "migrate", "drain", "start", "gate", "smoke", "switch", "watch", "settle", "record", "prune"})
	died := false
	for i, step := range steps {
		c := s.begin("deploy:prod", next()...)
		if !assert.True(t, c.untilStep(step), "%s:\n%s", step, c.said.String()) {
			c.wait()
			continue
		}
		time.Sleep(time.Duration(i%3) * 300 * time.Millisecond) // at its beginning, and in it
		c.signal(syscall.SIGKILL)
		r := c.wait()
		if died && steps[i-1] != "lock" && steps[i-1] != "base" {
			assert.Contains(t, r.err, "taking over", "after a kill at %s:\n%s", steps[i-1], r.err)
		}
		died = r.code < 0 // the last step may be over before
		var st deploy.Status
		// Killed while it took the lock, it may leave one that has to fall silent first.
		require.Eventually(t, func() bool { st = s.status(); return st.Lock == nil || !st.Lock.Alive }, 30*time.Second, 200*time.Millisecond, step)
		active := st.Situation.Colour(st.Situation.Active)
		assert.True(t, active.Well(), "killed at %s: %+v", step, st.Situation)
	}
	r := s.must("deploy:prod", next()...)
	if died && steps[len(steps)-1] != "prune" { // after which the lock may be given back
		assert.Contains(t, r.err, "has died")
	}
	got := load.Stop()
	t.Logf("%s", got)
	assert.Zero(t, got.Failed, "%s", got)
	s.tidy(t)
	outcomes := map[deploy.Outcome]int{}
	for _, r := range s.history() {
		outcomes[r.Outcome]++
	}
	t.Logf("outcomes: %v", outcomes)
	if !testing.Short() {
		assert.Positive(t, outcomes[deploy.Interrupted])
	}
	assert.Positive(t, outcomes[deploy.Finished])
}

// Ten kinds of bad release. docker/cli 6752: a failure has a code other than 0, always,
// and one release serves.
func testBad(t *testing.T, s *site) {
	// What serves has the test's backend, too, so that the two are compared alike.
	s.must("deploy:prod", append(s.faulty(""), s.next())...)
	good := s.serves()
	conf := filepath.Join(s.root, "nginx", "nginx.conf")
	for _, bad := range []struct {
		name     string
		settings []string
		says     string
		outcome  deploy.Outcome // "" when it was refused before anything began
		met      bool           // users meet it
		rare     bool           // only where there is time
		broken   func(t *testing.T)
	}{
		{name: "exits at once", settings: s.faulty("exit"), says: "cannot find its configuration", outcome: deploy.Failed},
		{name: "never ready", rare: true, settings: s.faulty("never", "DEPLOY_TIMEOUT=6s"), says: "the cache is cold|not ready|DEPLOY_TIMEOUT", outcome: deploy.Failed},
		{name: "ready then crashes", rare: true, settings: s.faulty("crash", "BACKEND_ENV_FAULT_AFTER=4s", "DEPLOY_STABLE=6s"), says: "nil pointer somewhere", outcome: deploy.Failed},
		{name: "wrong version", rare: true, settings: s.faulty("wrong"), says: "answers another version", outcome: deploy.Failed},
		{name: "500s after the switch", settings: s.faulty("errors", "WATCH_FOR=20s"), says: "MAX_ERROR_RATE", outcome: deploy.Returned, met: true},
		{name: "500s as a canary", rare: true, settings: s.faulty("errors", "CANARY=99", "CANARY_FOR=20s"), says: "MAX_ERROR_RATE", outcome: deploy.Returned, met: true},
		{name: "slow after the switch", rare: true, settings: s.faulty("slow", "WATCH_FOR=16s"), says: "MAX_SLOWDOWN", outcome: deploy.Returned, met: true},
		{name: "leaks memory", rare: true, settings: s.faulty("leak", "WATCH_FOR=20s", "BACKEND_MEMORY=24m"), says: "ended by itself", outcome: deploy.Returned, met: true},
		{name: "bad migration", settings: append(s.faulty(""), "BACKEND_MIGRATE=sideways"), says: "migrat", outcome: ""},
		// full-stack-fastapi-template 344: the volume keeps the password of its first start.
		{name: "another password", rare: true, settings: s.faulty("", "DB_PASSWORD=another-Password-of-the-db-77"), says: "the password of db is not the one that it runs with", outcome: ""},
		{name: "missing image", settings: []string{"BACKEND_IMAGE=" + s.project + "/none:1"}, says: s.project + "/none:1", outcome: ""},
		{name: "bad nginx template", settings: s.faulty(""), says: "nonsense_directive", outcome: "", broken: func(t *testing.T) {
			text, err := os.ReadFile(conf)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(conf, append([]byte("nonsense_directive on;\n"), text...), 0o600))
			t.Cleanup(func() { require.NoError(t, os.WriteFile(conf, text, 0o600)) })
		}},
	} {
		if bad.rare && testing.Short() {
			continue
		}
		t.Run(bad.name, func(t *testing.T) {
			if bad.broken != nil {
				bad.broken(t)
			}
			if bad.name == "bad migration" {
				// The reference backend refuses it, as any does that cannot migrate.
				bad.settings = []string{"BACKEND_MIGRATE=migrate sideways"}
			}
			load := testkit.StartLoad(t, testkit.Load{URL: s.base + "/api/anything", Rate: 20, Workers: 16, Timeout: 10 * time.Second})
			r := s.run("deploy:prod", append(bad.settings, s.next())...)
			got := load.Stop()
			t.Logf("in %s: %s", r.took.Round(100*time.Millisecond), got)
			assert.Equal(t, true, r.code != 0, "%s", r.err)
			assert.Regexp(t, bad.says, r.err)
			if !bad.met {
				assert.Zero(t, got.Failed, "%s", got)
			}
			assert.Equal(t, good, s.serves())
			if bad.outcome != "" {
				last := s.history()[len(s.history())-1]
				assert.Equal(t, bad.outcome, last.Outcome)
				assert.NotEmpty(t, last.Error)
				s.stoppedAndKept(t, last.Release)
			}
			after := testkit.StartLoad(t, testkit.Load{URL: s.base + "/api/anything", Duration: time.Second})
			assert.Zero(t, after.Wait().Failed)
		})
	}
}

// stoppedAndKept demands that a failed release can be looked at, and does nothing.
func (s *site) stoppedAndKept(t *testing.T, release string) {
	t.Helper()
	list, err := s.engine.Containers(t.Context(), engine.Filter{Labels: map[string]string{"drydock.release": release}})
	require.NoError(t, err)
	assert.NotEmpty(t, list)
	for _, c := range list {
		assert.Equal(t, engine.Exited, c.State, c.Name)
	}
}

func testUnlock(t *testing.T, s *site) {
	c := s.begin("deploy:prod", s.next())
	require.True(t, c.untilStep("gate"))
	// The step is told first and written down then; a release is stable after a second.
	time.Sleep(700 * time.Millisecond)
	c.signal(syscall.SIGKILL)
	c.wait()
	st := s.status()
	require.NotNil(t, st.Lock)
	assert.Eventually(t, func() bool { return !s.status().Lock.Alive }, 10*time.Second, 200*time.Millisecond, "dead is told at once")
	assert.Equal(t, deploy.Gate, st.Under.Step)
	text := s.run("deploy:status").out
	assert.Contains(t, text, "DEAD")
	r := s.must("deploy:unlock")
	assert.Contains(t, r.out, "removed the lock")
	assert.Contains(t, s.run("deploy:status").out, "UNFINISHED")
	before := s.serves()
	r = s.must("deploy:prod", s.next(), "KEEP_WARM=false")
	assert.Contains(t, r.err, "was killed at the step")
	// Not warm, but not gone: its containers are started again.
	st = s.status()
	idle := st.Situation.Colour(st.Situation.Active.Other())
	assert.Equal(t, before, idle.Release)
	assert.Zero(t, idle.Running)
	r = s.must("deploy:rollback")
	assert.NotContains(t, r.err, "Creating")
	assert.Equal(t, before, s.serves())
	assert.True(t, strings.Contains(s.must("deploy:unlock").out, "there is no lock"))
}
