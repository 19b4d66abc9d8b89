package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/gateway"
	"drydock/internal/lease"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

func TestPlan(t *testing.T) {
	var b strings.Builder
	for _, c := range []struct {
		name string
		s    situation
	}{
		{"a usual one", situation{Kind: KindDeploy, Migrates: true, Watch: true}},
		{"everything", situation{Kind: KindDeploy, Migrates: true, Watch: true, Canary: 10, Hooks: [2]bool{true, true}}},
		{"no migrations, no watch", situation{Kind: KindDeploy}},
		{"back, warm", situation{Kind: KindRollback, Migrates: true, Warm: true, Canary: 10, Watch: true}},
		{"back, from images", situation{Kind: KindRollback, Migrates: true, Watch: true}},
	} {
		fmt.Fprintf(&b, "%s: %v\n", c.name, plan(c.s))
	}
	testkit.Golden(t, "plan.text", []byte(b.String()))
}

func window(requests, errs uint64, p90 float64) gateway.Window {
	return gateway.Window{Requests: requests, Errors: errs, P90: p90}
}

func TestWhatTheWatchSaw(t *testing.T) {
	assert.Equal(t, "no visitors: nothing could be judged", visited(window(0, 0, 0)))
	assert.Equal(t, "20 requests, 1 answered with 5xx, 90 of 100 within 12 ms", visited(window(20, 1, 12.3)))
}

func TestJudgeErrors(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, now gateway.Window
		bad      bool
	}{
		{"nobody came", window(0, 0, 0), window(0, 0, 0), false},
		{"good", window(1000, 1, 0), window(100, 0, 0), false},
		{"a few errors may be anybody's", window(0, 0, 0), window(4, 4, 0), false},
		{"all errors", window(1000, 0, 0), window(5, 5, 0), true},
		{"no more than allowed", window(1000, 0, 0), window(1000, 50, 0), false},
		{"one more", window(1000, 0, 0), window(1000, 51, 0), true},
		// The database is away for both: going back helps nobody.
		{"as bad as before", window(1000, 500, 0), window(100, 52, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.bad, judgeErrors(5, c.old, c.now) != "") })
	}
	assert.Contains(t, judgeErrors(5, window(1000, 0, 0), window(10, 10, 0)), "100.0 %")
}

func TestJudgeLatency(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, now gateway.Window
		bad      bool
	}{
		{"nobody came", window(0, 0, 0), window(0, 0, 0), false},
		{"slow", window(1000, 0, 100), window(100, 0, 301), true},
		{"as slow as allowed", window(1000, 0, 100), window(100, 0, 300), false},
		{"of few", window(1000, 0, 100), window(49, 0, 9000), false},
		{"compared with few", window(3, 0, 100), window(100, 0, 9000), false},
		{"many times nothing", window(1000, 0, 5), window(100, 0, 105), false},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.bad, judgeLatency(3, c.old, c.now) != "") })
	}
	assert.Empty(t, judgeLatency(0, window(100, 0, 1), window(100, 0, 9999)), "0 does not look")
}

func FuzzJudge(f *testing.F) {
	f.Add(uint64(10), uint64(3), uint64(10), uint64(9), 5)
	f.Fuzz(func(t *testing.T, oldN, oldErr, n, errs uint64, allowed int) {
		oldErr, errs = min(oldErr, oldN), min(errs, n)
		allowed = max(0, min(allowed, 100))
		if judgeErrors(allowed, window(n, errs, 0), window(n, errs, 0)) != "" {
			t.Error("worse than itself")
		}
		if errs == 0 && judgeErrors(allowed, window(oldN, oldErr, 0), window(n, errs, 0)) != "" {
			t.Error("bad without an error")
		}
	})
}

func release(id, version string) Release { return Release{ID: id, Version: version} }

func well(c compose.Colour, id string) Colour {
	return Colour{Name: c, Release: id, Version: "v" + id, Containers: 2, Running: 2, Healthy: 2, Services: []string{"backend", "frontend"}}
}

// Where a deploy was killed does not decide; what is so does.
func TestJudgeDead(t *testing.T) {
	sick := well(compose.Green, "new")
	sick.Healthy = 1
	for _, c := range []struct {
		name string
		j    *Journal
		now  Situation
		want verdict
	}{
		{"no journal", nil, Situation{Active: compose.Blue}, nothing},
		{"before the start", &Journal{Release: release("new", "")}, Situation{Active: compose.Blue, Blue: well(compose.Blue, "old"), Green: well(compose.Green, "older")}, undo},
		{"before the switch", &Journal{Release: release("new", "")}, Situation{Active: compose.Blue, Blue: well(compose.Blue, "old"), Green: well(compose.Green, "new")}, undo},
		{"after the switch", &Journal{Release: release("new", "")}, Situation{Active: compose.Green, Blue: well(compose.Blue, "old"), Green: well(compose.Green, "new")}, finish},
		{"after the switch, not well", &Journal{Release: release("new", "")}, Situation{Active: compose.Green, Blue: well(compose.Blue, "old"), Green: sick}, back},
		{"after the switch, nobody well", &Journal{Release: release("new", "")}, Situation{Active: compose.Green, Green: sick}, finish},
		{"nothing runs", &Journal{Release: release("new", "")}, Situation{Active: compose.Blue}, undo},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, judgeDead(c.j, c.now)) })
	}
}

func TestReleases(t *testing.T) {
	var l Releases
	for i := range 6 {
		l = l.with(release(fmt.Sprint(i), fmt.Sprintf("v%d", i/2)), 3, "1")
	}
	assert.Equal(t, "[v0 (1) v2 (4) v2 (5)]", fmt.Sprint([]Release(l)), "the newest, and the one that is pinned")
	r, ok := l.find("v2")
	assert.True(t, ok)
	assert.Equal(t, "5", r.ID, "of a version the newest")
	r, ok = l.find("4")
	assert.True(t, ok)
	assert.Equal(t, "4", r.ID)
	_, ok = l.find("v9")
	assert.False(t, ok)
	r, _ = l.before("5")
	assert.Equal(t, "4", r.ID)
	r, _ = l.before("unknown")
	assert.Equal(t, "5", r.ID, "what was not deployed is newer than all")
	_, ok = l.before("1")
	assert.False(t, ok)
	// 5 was bad: back to 4. Once more is further back; and after a new one, it is 4 again.
	back := l.with(release("4", "v2"), 3, "").leave("5")
	assert.Equal(t, "[v0 (1) v2 (5) v2 (4)]", fmt.Sprint([]Release(back)))
	r, _ = back.before("4")
	assert.Equal(t, "1", r.ID)
	r, _ = back.with(release("6", "v3"), 9, "").before("6")
	assert.Equal(t, "4", r.ID)
	assert.Len(t, l.with(release("5", "v2"), 3, ""), 3, "the same one again")
}

func TestDescribe(t *testing.T) {
	c := func(service, release string, s engine.State, h engine.Health) engine.Container {
		return engine.Container{ID: service + release, State: s, Health: h, Labels: map[string]string{
			"com.docker.compose.service": service, compose.LabelRelease: release, compose.LabelVersion: "v" + release}}
	}
	once := c("migrate", "9", engine.Running, "")
	once.Labels["com.docker.compose.oneoff"] = "True"
	got := describe(compose.Blue, []engine.Container{c("backend", "1", engine.Running, engine.Healthy), c("frontend", "1", engine.Running, engine.Healthy), once})
	assert.True(t, got.Well())
	assert.Equal(t, "v1", got.Version)

	got = describe(compose.Blue, []engine.Container{c("backend", "1", engine.Running, engine.Healthy), c("frontend", "2", engine.Running, engine.Healthy)})
	assert.True(t, got.Mixed)
	assert.False(t, got.Well(), "two releases are none")
	assert.Empty(t, got.Release)

	for _, list := range [][]engine.Container{
		nil,
		{c("backend", "1", engine.Running, engine.Healthy)},
		{c("backend", "1", engine.Running, engine.Starting), c("frontend", "1", engine.Running, engine.Healthy)},
		{c("backend", "1", engine.Exited, engine.Healthy), c("frontend", "1", engine.Running, engine.Healthy)},
	} {
		assert.False(t, describe(compose.Blue, list).Well(), "%v", list)
	}
}

// Who leaves a release that crashes does not want it to crash on.
func TestWhatStaysWarm(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	well := Colour{Containers: 2, Running: 2, Healthy: 2, Services: []string{"backend", "frontend"}}
	with := func(change func(*Colour)) Colour { c := well; change(&c); return c }
	crashed := func(ago time.Duration) Colour {
		return with(func(c *Colour) { c.Restarts, c.Crashed = 3, at.Add(-ago) })
	}
	for name, c := range map[string]struct {
		keep bool
		old  Colour
		want string
	}{
		"well":                         {true, well, ""},
		"not to be kept":               {false, well, notWanted},
		"there is none":                {false, Colour{}, ""},
		"unhealthy":                    {true, with(func(c *Colour) { c.Healthy = 1 }), "is not well: 1 of 2 containers are healthy"},
		"between two crashes":          {true, with(func(c *Colour) { c.Running, c.Healthy = 1, 1 }), "is not well: 1 of 2 containers are healthy"},
		"crashed, and healthy for now": {true, crashed(8 * time.Second), "has ended by itself 3 times, and lately"},
		"crashed last week":            {true, crashed(7 * 24 * time.Hour), ""},
		"by a clock that is ahead":     {true, crashed(-time.Minute), "has ended by itself 3 times, and lately"},
	} {
		assert.Equal(t, c.want, notWarm(c.keep, c.old, at), name)
	}
	started := engine.Container{State: engine.Running, Restarts: 1, Started: at}
	assert.Equal(t, at, describe(compose.Blue, []engine.Container{{State: engine.Running, Started: at.Add(time.Hour)}, started}).Crashed)
}

// What the gateway cannot reach is named with what it answers.
func TestMembersAreNamed(t *testing.T) {
	var s gateway.State
	require.NoError(t, json.Unmarshal([]byte(`{"pools": [
		{"name": "backend-blue", "mode": "fail-open", "members": [
			{"addr": "172.20.0.7", "healthy": false, "told": true, "error": "GET /readyz: connection refused"},
			{"addr": "172.20.0.8", "healthy": true, "told": true},
			{"addr": "172.20.0.9", "healthy": true, "told": false},
			{"addr": "172.20.0.10", "healthy": false}]},
		{"name": "frontend-blue", "members": []},
		{"name": "backend-green", "members": [{"addr": "172.20.0.5", "healthy": true}]}]}`), &s))
	n, said := members(s, compose.Blue)
	assert.Equal(t, 1, n)
	assert.Equal(t, "backend-blue: 172.20.0.7 unhealthy (GET /readyz: connection refused), 172.20.0.8 healthy, "+
		"172.20.0.9 healthy, and nginx has not heard of it, 172.20.0.10 unhealthy; frontend-blue: nobody", said)
	n, _ = members(s, compose.Green)
	assert.Equal(t, 1, n)
}

// up reads what a deploy has written down.
func TestUpReadsTheRecord(t *testing.T) {
	text, err := json.Marshal(Releases{{ID: "1", Version: "v1", Revision: "abc", Backend: Image{"r/b:1", "sha256:b", "k"}, Frontend: Image{"r/f:1", "sha256:f", "k"}}})
	require.NoError(t, err)
	var kept []stack.Kept
	require.NoError(t, json.Unmarshal(text, &kept))
	assert.Equal(t, []stack.Kept{{ID: "1", Version: "v1", Revision: "abc",
		Backend: stack.KeptImage{Ref: "r/b:1", ID: "sha256:b"}, Frontend: stack.KeptImage{Ref: "r/f:1", ID: "sha256:f"}}}, kept)
	assert.Equal(t, stack.ReleasesFile, releasesFile)
}

func TestHistory(t *testing.T) {
	var h History
	for i := range historyMax + 5 {
		h = append(h, Record{Release: fmt.Sprint(i), Outcome: Live, Error: strings.Repeat("x", 5000)})
	}
	data := h.encode()
	back := parseHistory(data)
	require.Len(t, back, historyMax)
	assert.Equal(t, "5", back[0].Release)
	assert.Len(t, back[0].Error, 4000)
	// What a full disk cut off costs one line.
	assert.Len(t, parseHistory(data[:len(data)-10]), historyMax-1)
	assert.Empty(t, parseHistory([]byte("{}\nnonsense\n\x00")))
}

func FuzzMemory(f *testing.F) {
	f.Add([]byte(`{"release":{"id":"1"},"to":"blue"}`), []byte(`[{"id":"1"}]`), []byte("{\"release\":\"1\"}\n"))
	f.Fuzz(func(t *testing.T, current, releases, history []byte) {
		m, _ := parseMemory(map[string][]byte{currentFile: current, releasesFile: releases, historyFile: history})
		if m.Current != nil && m.Current.Release.ID == "" {
			t.Error("a journal without a release")
		}
		again := parseHistory(m.History.encode())
		if len(again) != min(len(m.History), historyMax) {
			t.Errorf("%d records became %d", len(m.History), len(again))
		}
	})
}

func TestABusyLockIsTold(t *testing.T) {
	text := (&BusyError{Holder: lease.Holder{By: "ann", Host: "laptop", Pid: 7, Kind: "deploy", Version: "v1"}, Step: Gate, Command: "mage deploy:status"}).Error()
	for _, word := range []string{"ann", "laptop", "process 7", "deploy of v1", `"gate"`, "mage deploy:status"} {
		assert.Contains(t, text, word)
	}
}

func TestAnswersVersion(t *testing.T) {
	for body, want := range map[string]bool{
		`{"version":"v1.2"}`: true, `{"version":"v1.20"}`: false, "v1.2\n": true, "app v1.2 of today": true, "": false, `{"version":1}`: false,
	} {
		assert.Equal(t, want, answersVersion(body, "v1.2"), body)
	}
}

func sample() (Situation, memory) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	now := Situation{Active: compose.Green, Gateway: true, Canary: 10, Blue: well(compose.Blue, "1"), Green: well(compose.Green, "2")}
	return now, memory{
		Releases: Releases{{ID: "0", Version: "v0", Live: at, By: "ann"}, {ID: "1", Version: "v1", Live: at, By: "ann"}, {ID: "2", Version: "v2", Live: at, By: "bob"}},
		Current:  &Journal{Kind: KindDeploy, Release: release("3", "v3"), To: compose.Blue, Step: Watch, Since: at},
		History: History{
			{Kind: KindDeploy, Outcome: Live, Release: "1", Version: "v1", Revision: "1111111111111", FromRev: "0000000000000", By: "ann", Host: "ci", Started: at, MS: 61300, Phases: []Phase{{Start, 4200}, {Gate, 90}}},
			{Kind: KindDeploy, Outcome: Failed, Release: "2", Version: "v2", By: "bob", Host: "ci", Started: at, MS: 5000, Error: "gate: it ended"},
		},
	}
}

func TestStatusAndHistoryText(t *testing.T) {
	now, m := sample()
	command := func(target string) string { return "mage " + target }
	settings := &env.Settings{Project: "shop", Env: "prod", Deploy: env.Deploy{Stable: 5 * time.Second, Watch: 30 * time.Second}}
	var b bytes.Buffer
	h := &lease.Holder{By: "ann", Host: "laptop", Pid: 7, Version: "v3", Kind: string(KindDeploy), Since: time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)}
	for _, lock := range []*lease.Holder{nil, h, {By: "ann", Host: "laptop", Pid: 7, Version: "v3", Kind: string(KindDeploy), Since: h.Since, Alive: true}} {
		require.NoError(t, status(settings, now, m, lock).WriteText(&b, command))
		b.WriteString("----\n")
	}
	require.NoError(t, status(settings, Situation{Active: compose.Blue}, memory{}, nil).WriteText(&b, command))
	b.WriteString("----\n")
	require.NoError(t, m.History.WriteText(&b))
	require.NoError(t, History{}.WriteText(&b))
	testkit.Golden(t, "status.text", b.Bytes())
}

// A colour that the gateway would ask at the wrong port or path is not one to switch to.
func TestStatusOfWhatListensElsewhere(t *testing.T) {
	now, m := sample()
	now.Blue.Astray, now.Green.Astray = true, true
	st := status(&env.Settings{Project: "shop", Env: "prod"}, now, m, nil)
	assert.Equal(t, "start v1 (1) on blue from its images, then switch", st.Rollback)
	assert.Equal(t, "listens elsewhere than the gateway asks", st.Kept[1].Where)
	var b bytes.Buffer
	require.NoError(t, st.WriteText(&b, func(target string) string { return target }))
	assert.Contains(t, b.String(), "nothing is served")
}

func TestDifference(t *testing.T) {
	now, m := sample()
	now.Canary = 0
	to := release("3", "v3")
	to.Backend, to.Frontend = Image{Ref: "x/backend:v3", ID: "b3", Key: "b3"}, Image{Ref: "x/frontend:v2", ID: "f2", Key: "f2"}
	to.Fingerprint = compose.Fingerprint{Sum: "s3", Files: "a", Values: map[string]string{"LOG_LEVEL": "debug", "BACKEND_SECRETS_VOLUME": "v-2"}}
	to.Migrations = map[string]string{"00001_a.sql": "x", "00002_b.sql": "y"}
	m.Releases[2].Backend, m.Releases[2].Frontend = Image{Ref: "x/backend:v2", ID: "b2", Key: "b2"}, Image{Ref: "x/frontend:v1", ID: "f2", Key: "f2"}
	m.Releases[2].Fingerprint = compose.Fingerprint{Sum: "s2", Files: "a", Values: map[string]string{"LOG_LEVEL": "info", "BACKEND_SECRETS_VOLUME": "v-1"}}
	m.Releases[2].Migrations = map[string]string{"00001_a.sql": "x"}
	d := difference(now, m, to)
	d.Steps = plan(situation{Kind: KindDeploy})
	var b bytes.Buffer
	require.NoError(t, d.WriteText(&b))
	same := now
	same.Green.Fingerprint = "s3"
	require.NoError(t, difference(same, m, to).WriteText(&b))
	first := difference(Situation{}, memory{}, to)
	first.Starts, first.Nginx = []string{"db", "gateway"}, "the gateway does not run and would be started"
	first.Base = []stack.Drift{{Service: "backup", What: "runs x/backup:1; the checkout's is x/backup:2"}}
	require.NoError(t, first.WriteText(&b))
	testkit.Golden(t, "difference.text", b.Bytes())
}

func TestPending(t *testing.T) {
	m := memory{Releases: Releases{{ID: "1", Migrations: map[string]string{"1.sql": "a", "2.sql": "b"}}}}
	names, changed, known := pending(m, map[string]string{"1.sql": "a", "2.sql": "edited", "3.sql": "c"})
	assert.Equal(t, []string{"3.sql"}, names)
	assert.Equal(t, []string{"2.sql"}, changed)
	assert.True(t, known)
	_, _, known = pending(memory{}, map[string]string{"1.sql": "a"})
	assert.False(t, known)
}

// Without a command that applies them, the files in MIGRATIONS are no migrations: not listed,
// not noted as done; the first deploy that applies them lists, saves and checks them all.
func TestMigrationsThatNobodyApplies(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "sql"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "sql", "1_notes.sql"), []byte("create table notes ();\n"), 0o644))
	var said bytes.Buffer
	settings := &env.Settings{Root: root, Deploy: env.Deploy{Migrations: "sql", Backup: env.SaveDump}}
	d := &Deployer{Stack: &stack.Stack{Settings: settings, Err: &said}}

	sums, err := d.migrationSums()
	require.NoError(t, err)
	assert.Empty(t, sums)
	first := Release{ID: "1", Migrations: sums}
	assert.Empty(t, difference(Situation{}, memory{}, first).Migrations)
	require.NoError(t, d.checkMigrations(memory{}, first))

	settings.Backend.Migrate = []string{"backend", "migrate"}
	had := memory{Releases: Releases{first}}
	sums, err = d.migrationSums()
	require.NoError(t, err)
	second := Release{ID: "2", Migrations: sums}
	assert.Equal(t, []string{"1_notes.sql"}, difference(Situation{}, had, second).Migrations)
	assert.True(t, (&work{d: d, kind: KindDeploy, memory: had, release: second}).saves())
	require.NoError(t, os.WriteFile(filepath.Join(root, "sql", "1_notes.sql"), []byte("drop table notes;\n"), 0o644))
	require.NoError(t, d.checkMigrations(had, second))
	assert.Contains(t, said.String(), "1_notes.sql:1: ")
}

// A dump or restore point comes first when there is something to lose.
func TestSavesBeforeMigrations(t *testing.T) {
	had := memory{Releases: Releases{{ID: "1", Migrations: map[string]string{"1.sql": "a"}}}}
	for name, c := range map[string]struct {
		change func(*work)
		want   bool
	}{
		"new migration":        {func(w *work) {}, true},
		"changed migration":    {func(w *work) { w.release.Migrations = map[string]string{"1.sql": "b"} }, true},
		"nobody can tell":      {func(w *work) { w.release.Migrations = nil }, true},
		"nothing is pending":   {func(w *work) { w.release.Migrations = map[string]string{"1.sql": "a"} }, false},
		"first deploy":         {func(w *work) { w.memory = memory{} }, false},
		"rollback":             {func(w *work) { w.kind = KindRollback }, false},
		"no migration command": {func(w *work) { w.d.Stack.Settings.Backend.Migrate = nil }, false},
		"by setting":           {func(w *work) { w.d.Stack.Settings.Deploy.Backup = env.SaveNothing }, false},
		"restore point":        {func(w *work) { w.d.Stack.Settings.Deploy.Backup = env.SavePoint }, true},
	} {
		w := &work{
			d:    &Deployer{Stack: &stack.Stack{Settings: &env.Settings{}}},
			kind: KindDeploy, memory: had, release: Release{Migrations: map[string]string{"1.sql": "a", "2.sql": "b"}},
		}
		w.d.Stack.Settings.Backend.Migrate = []string{"backend", "migrate"}
		w.d.Stack.Settings.Deploy.Backup = env.SaveDump
		c.change(w)
		assert.Equal(t, c.want, w.saves(), name)
	}
	assert.Equal(t, []Step{Save, Migrate}, plan(situation{Kind: KindDeploy, Saves: true, Migrates: true})[:2])
	assert.NotContains(t, plan(situation{Kind: KindRollback, Saves: true, Migrates: true}), Save)
}

func TestFirstLine(t *testing.T) {
	assert.Equal(t, "a", firstLine("a\nb"))
	assert.Equal(t, "a", firstLine("a"))
	assert.NotErrorIs(t, errors.New("x"), lease.ErrLost)
}
