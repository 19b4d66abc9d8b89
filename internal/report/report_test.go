package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/net/html"

	"drydock/internal/compose"
	"drydock/internal/deploy"
	"drydock/internal/disk"
	"drydock/internal/drill"
	"drydock/internal/env"
	"drydock/internal/stack"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// sample is an environment that has run for a month, in which all is well.
func sample() Report {
	r := Report{Project: "shop", Env: "prod", Mode: "prod", URL: "https://shop.example", Made: now, Missing: map[string]string{}}
	for i, name := range []string{"gateway", "backend", "backend", "frontend", "db", "redis", "backup"} {
		r.Services = append(r.Services, stack.Status{Service: name, State: "running", Health: "healthy", Version: "1.8.0", Uptime: int64(86400*3 + i*977), Memory: uint64(40+37*i) << 20, Limit: 512 << 20})
	}
	r.Services[0].Ports = []string{"0.0.0.0:80", "0.0.0.0:443"}
	r.Deploy = &deploy.Status{Project: "shop", Env: "prod", Rollback: "switch to 1.7.2, which runs on blue: serves in about 10s, then watched for 30s",
		Shares: []deploy.Share{{Colour: compose.Green, Percent: 100}, {Colour: compose.Blue}},
		Situation: deploy.Situation{Active: compose.Green, Gateway: true,
			Blue:  deploy.Colour{Name: compose.Blue, Version: "1.7.2", Revision: "1f0c3b9aa27d4e58", Containers: 3, Running: 3, Healthy: 3},
			Green: deploy.Colour{Name: compose.Green, Version: "1.8.0", Revision: "9be44d02c1f7a630", Containers: 3, Running: 3, Healthy: 3}},
		Kept: []deploy.Kept{{ID: "r2", Version: "1.8.0", Live: now.Add(-75 * time.Hour), By: "mara", Where: "serves"}, {ID: "r1", Version: "1.7.2", Live: now.Add(-240 * time.Hour), By: "ci", Where: "warm"}}}
	for i := range 9 {
		d := deploy.Record{Kind: deploy.KindDeploy, Outcome: deploy.Live, Version: fmt.Sprintf("1.%d.0", i), Colour: []compose.Colour{compose.Blue, compose.Green}[i%2], By: "ci", Host: "runner-2",
			Started: now.Add(-time.Duration(9-i) * 78 * time.Hour), MS: int64(31000 + i*i*700), SwitchMS: 120,
			Phases: []deploy.Phase{{Step: "preflight", MS: 1800}, {Step: "ship", MS: int64(6000 + 400*i)}, {Step: "migrate", MS: 2400}, {Step: "start", MS: int64(11000 + i*i*300)}, {Step: "smoke", MS: 900}, {Step: "switch", MS: 300}, {Step: "watch", MS: 8000}}}
		if i == 5 {
			d.Outcome, d.Error = deploy.Returned, "2.1 % of the requests failed in the first 10 s; the limit is 1 %"
		}
		r.History = append(r.History, d)
	}
	var full string
	for day := 13; day >= 0; day-- {
		at := now.Add(-time.Duration(day)*24*time.Hour - 9*time.Hour)
		n := 100 + (13-day)*2
		b := Backup{ID: fmt.Sprintf("%06d-%s-aaaaaa", n, at.Format("20060102T150405Z")), Kind: "physical", Level: "incremental", Parent: full, Place: "local", Started: at, Finished: at.Add(time.Minute), Seconds: 14, OnDisk: 9 << 20}
		if day%7 == 6 {
			b.Level, b.Parent, b.Seconds, b.OnDisk = "full", "", 160, 610<<20
			full = b.ID
		}
		if full != "" {
			r.Backups = append(r.Backups, b)
		}
		at = at.Add(2 * time.Hour)
		r.Backups = append(r.Backups, Backup{ID: fmt.Sprintf("%06d-%s-bbbbbb", n+1, at.Format("20060102T150405Z")), Kind: "dump", Level: "full", Database: "shop", Started: at, Finished: at.Add(time.Minute), Seconds: 41, OnDisk: 88 << 20})
	}
	last := &r.Backups[len(r.Backups)-1]
	last.Proofs = append(last.Proofs, struct {
		Drill string    `json:"drill"`
		At    time.Time `json:"at"`
	}{"d", now.Add(-5 * time.Hour)})
	r.Windows = []Window{{Backup: full, From: now.Add(-153 * time.Hour), Until: now.Add(-40 * time.Second)}}
	for i := range 6 {
		at := now.Add(-time.Duration(5-i)*7*24*time.Hour - 5*time.Hour)
		r.Drills = append(r.Drills, &drill.Evidence{ID: "d", Started: at, Passed: i != 2, Parts: []*drill.Part{
			{Name: "dump", Backup: "000101", Recovery: 52 + float64(i*i), Passed: i != 2, Checks: make([]drill.Check, 7), Controls: make([]drill.Check, 3), Loss: &drill.Loss{Seconds: 6800 - float64(i*300)}},
			{Name: "physical", Backup: "000100", Recovery: 31 + float64(i), Passed: true, Checks: make([]drill.Check, 8), Controls: make([]drill.Check, 3), Loss: &drill.Loss{Seconds: 42}}}})
	}
	ends := now.Add(61 * 24 * time.Hour)
	r.Certificate = &Certificate{Source: "acme", Expires: &ends, Renewal: &Renewal{LastAttempt: &now}}
	due := now.Add(-12 * time.Hour)
	r.Expected = []Expected{{Kind: "dump", Since: due}, {Kind: "physical", Place: "local", Since: due}, {Kind: "physical", Place: "s3"}}
	r.Disk = &Disk{Limit: disk.Limit{Percent: 10, Bytes: 5 << 30}, Space: []disk.Disk{{Of: []string{"engine", "backups", "physical"}, Free: 61 << 30, Total: 160 << 30}}, Layers: 1400 << 20, Containers: 3 << 20, BuildCache: 2100 << 20, Volumes: []Volume{{"shop-backup", 2900 << 20}, {"shop-db", 740 << 20}, {"shop-redis", 12 << 20}, {"shop-gateway", -1}}}
	r.Images = []Image{{Name: "drydock/postgres:cf48a581dd63", Size: 159 << 20, Used: 1}, {Name: "drydock/gateway:bca492251ef9", Size: 102 << 20, Used: 1}, {Name: "drydock/backend:1.8.0", Size: 17 << 20, Used: 2}}
	return r
}

func render(t *testing.T, r Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, r.Page(&b))
	return b.String()
}

// elements walks the page as a browser would read it.
func elements(t *testing.T, page string, visit func(*html.Node)) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			visit(n)
		}
	}
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func TestThePageStandsAlone(t *testing.T) {
	page := render(t, sample())
	ids := map[string]int{}
	var links []string
	elements(t, page, func(n *html.Node) {
		assert.NotContains(t, []string{"script", "img", "link", "iframe", "object", "form"}, n.Data)
		for _, a := range n.Attr {
			assert.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src", "%s %s", n.Data, a.Key)
		}
		if id, ok := attr(n, "id"); ok {
			ids[id]++
		}
		if n.Data == "a" {
			href, _ := attr(n, "href")
			links = append(links, href)
		}
		switch n.Data {
		case "html":
			lang, _ := attr(n, "lang")
			assert.Equal(t, "en", lang)
		case "th":
			_, ok := attr(n, "scope")
			assert.True(t, ok, "a header says what it is the header of")
		case "svg":
			_, label := attr(n, "aria-label")
			_, hidden := attr(n, "aria-hidden")
			assert.True(t, label || hidden || n.Parent.Data == "svg", "a picture has a name")
		}
	})
	for _, l := range links {
		assert.Equal(t, 1, ids[strings.TrimPrefix(l, "#")], "%s leads to one place on the page", l)
	}
	assert.NotRegexp(t, regexp.MustCompile(`url\(|@import|https?://[^ ]*\.(?:css|js)`), page)
	assert.Contains(t, page, "default-src &#39;none&#39;; style-src &#39;sha256-")
	assert.Contains(t, page, "All is well")
	assert.NotContains(t, page, "NaN")
}

// The policy's hash is that of the style sheet as it stands in the page.
func TestThePolicyAllowsTheStyleAndNothingElse(t *testing.T) {
	found := false
	elements(t, render(t, sample()), func(n *html.Node) {
		if n.Data == "style" {
			found = true
			assert.Equal(t, style, n.FirstChild.Data)
		}
	})
	assert.True(t, found)
}

// Names come from git, from users and from error messages of other programs.
func TestNothingHostileGetsOut(t *testing.T) {
	const evil = `"'></td></title></style><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	r := sample()
	r.Project, r.Env, r.URL = evil, evil, "javascript:alert(1)"+evil
	for i := range r.Services {
		r.Services[i].Service, r.Services[i].Health, r.Services[i].Detail, r.Services[i].Version, r.Services[i].Ports = evil, evil, evil, evil, []string{evil}
	}
	for i := range r.History {
		h := &r.History[i]
		h.Version, h.By, h.Host, h.Error, h.Outcome, h.Phases = evil, evil, evil, evil, evil, []deploy.Phase{{Step: evil, MS: 3}}
	}
	r.Deploy.Rollback, r.Deploy.Situation.Green.Version, r.Deploy.Situation.Green.Revision, r.Deploy.Kept[0].By = evil, evil, evil, evil
	for i := range r.Backups {
		b := &r.Backups[i]
		b.ID, b.Kind, b.Database, b.Damaged = evil, evil, evil, &struct {
			Reason string `json:"reason"`
		}{evil}
	}
	r.Failures = []Failure{{Kind: evil, Database: evil, Reason: evil}}
	r.Windows[0].Backup, r.Windows[0].Gap = evil, evil
	r.Drills[0].Parts[0].Name, r.Drills[0].Parts[0].Backup = evil, evil
	r.Certificate.Error, r.Certificate.Source = evil, evil
	r.Certificate.Renewal = &Renewal{Failed: true, Error: evil, LastAttempt: &now, Placeholder: true}
	r.Disk.Volumes[0].Name, r.Images[0].Name = evil, evil
	r.Missing["images"] = evil
	page := render(t, r)
	elements(t, page, func(n *html.Node) {
		assert.NotContains(t, []string{"script", "img"}, n.Data)
		for _, a := range n.Attr {
			assert.False(t, strings.HasPrefix(a.Key, "on"), "%s %s", n.Data, a.Key)
			assert.NotContains(t, a.Val, "javascript:", "%s", n.Data)
		}
	})
	assert.Contains(t, page, "&lt;script&gt;")
}

// A page about trouble is wanted most when something is broken.
func TestNothingIsKnown(t *testing.T) {
	r := Report{Project: "p", Env: "prod", Mode: "prod", Made: now, Missing: map[string]string{}}
	for _, part := range []string{"services", "releases", "deploys", "backups", "drills", "certificate", "disk", "images"} {
		r.Missing[part] = "the engine is gone"
	}
	page := render(t, r)
	assert.Equal(t, 8, strings.Count(page, "Not known: the engine is gone"), "the window is told from the backups; images only at the top")
	assert.Contains(t, page, "8 things to look at")
	render(t, Report{})
}

func TestProblems(t *testing.T) {
	none := func(*Report) {}
	for want, change := range map[string]func(*Report){
		"":                                none,
		"services: db is unhealthy":       func(r *Report) { r.Services[4].Health = "unhealthy" },
		"services: backup is missing":     func(r *Report) { r.Services[6].State, r.Services[6].Health = "missing", "" },
		"releases: the gateway does not":  func(r *Report) { r.Deploy.Situation.Gateway = false },
		"releases: maintenance is on":     func(r *Report) { r.Deploy.Situation.Maintenance = true },
		"releases: a deploy was cut off":  func(r *Report) { r.Deploy.Under = &deploy.Journal{Step: "start"} },
		"deploys: the last deploy failed": func(r *Report) { r.History[8].Outcome = deploy.Failed },
		"deploys: the last deploy was taken back after the switch":                                        func(r *Report) { r.History[8].Outcome = deploy.Returned },
		"deploys: the last deploy was cut off":                                                            func(r *Report) { r.History[8].Outcome = deploy.Interrupted },
		"backups: there is no good backup":                                                                func(r *Report) { r.Backups = nil },
		"backups: there is no good dump of the database":                                                  func(r *Report) { r.Backups = only(r, "physical") },
		"backups: there is no good physical backup of the database in the repository local":               func(r *Report) { r.Backups = only(r, "dump") },
		"backups: there is no good physical backup of the database in the repository s3":                  func(r *Report) { r.Expected[2].Since = r.Expected[1].Since },
		"backups: the newest good dump of the database is 6h59m old; one was due at 2026-11-28 06:00 UTC": func(r *Report) { r.Expected[0].Since = now.Add(-6 * time.Hour) },
		"backups: the newest good physical backup of the database in the repository local is 8h59m old":   func(r *Report) { r.Expected[1].Since = now.Add(-8 * time.Hour) },
		"disk: the disk with Docker's data, the backups has 15.88GiB of 160GiB left": func(r *Report) {
			r.Disk.Space = []disk.Disk{{Of: []string{"engine", "backups"}, Free: 15*1<<30 + 900<<20, Total: 160 << 30}}
		},
		"disk: the disk with the physical backups has 4GiB of 20GiB left": func(r *Report) {
			r.Disk.Space = []disk.Disk{{Of: []string{"physical"}, Free: 4 << 30, Total: 20 << 30}}
		},
		"window: the log after backup":                                         func(r *Report) { r.Windows[0].Gap = "0001" },
		"drills: the last drill failed":                                        func(r *Report) { r.Drills[5].Passed = false },
		"drills: no backup has been proven":                                    func(r *Report) { r.Drills = nil },
		"drills: the last drill was":                                           func(r *Report) { r.Drills = r.Drills[:5]; r.Drills[4].Started = now.Add(-9 * 24 * time.Hour) },
		"certificate: the certificate ends in":                                 func(r *Report) { at := now.Add(100 * time.Hour); r.Certificate.Expires = &at },
		"certificate: the certificate has":                                     func(r *Report) { at := now.Add(-time.Hour); r.Certificate.Expires = &at },
		"certificate: the last renewal of the certificate failed: no A record": func(r *Report) { r.Certificate.Renewal = &Renewal{Failed: true, Error: "no A record"} },
		"disk: not known: broken":                                              func(r *Report) { r.Missing["disk"] = "broken" },
	} {
		r := sample()
		change(&r)
		var all []string
		for _, p := range r.Problems() {
			all = append(all, p.Part+": "+p.What)
		}
		if want == "" {
			assert.Empty(t, all)
			continue
		}
		assert.Condition(t, func() bool { return len(all) > 0 && strings.HasPrefix(all[0], want) }, "want %q, got %q", want, all)
	}
}

// only leaves the backups of one kind.
func only(r *Report, kind string) (list []Backup) {
	for _, b := range r.Backups {
		if b.Kind == kind {
			list = append(list, b)
		}
	}
	return list
}

// What a person stopped is no news to that person.
func TestNoProblems(t *testing.T) {
	for name, change := range map[string]func(*Report){
		"a deploy was stopped by a person":     func(r *Report) { r.History[8].Outcome = deploy.Undone },
		"the first dump is not due yet":        func(r *Report) { r.Backups, r.Expected[0].Since = only(r, "physical"), time.Time{} },
		"physical ones are off":                func(r *Report) { r.Backups, r.Expected = only(r, "dump"), r.Expected[:1] },
		"how much is left is not known":        func(r *Report) { r.Disk.Space = nil },
		"a large disk with a tenth of it left": func(r *Report) { r.Disk.Space[0] = disk.Disk{Free: 100 << 30, Total: 1000 << 30} },
	} {
		r := sample()
		change(&r)
		assert.Empty(t, r.Problems(), name)
	}
}

func TestWhichBackupsThereHaveToBe(t *testing.T) {
	s := &env.Settings{}
	s.Backup.Zone, s.Backup.Dump = "Europe/Berlin", "30 2 * * *"
	s.Backup.Physical = env.Physical{On: true, Full: "0 1 * * 0", Differential: "never", Incremental: "0 1 * * 1-6"}
	begun := now.Add(-30 * 24 * time.Hour)
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return v
	}
	of := func(begun time.Time) []Expected {
		list, err := expected(s, begun, now)
		require.NoError(t, err)
		return list
	}
	dump, physical := at("2026-11-28T01:30:00Z"), at("2026-11-28T00:00:00Z")
	assert.Equal(t, []Expected{{Kind: "dump", Since: dump}, {Kind: "physical", Place: "local", Since: physical}}, of(begun))
	assert.Equal(t, []Expected{{Kind: "dump"}, {Kind: "physical", Place: "local"}}, of(now.Add(-7*time.Hour)), "nothing was due yet")
	s.Backup.Physical.S3.Endpoint = "s3.example"
	assert.Len(t, of(begun), 3)
	s.Database.Image = "mine" // has no pgBackRest
	assert.Equal(t, []Expected{{Kind: "dump", Since: dump}}, of(begun))
	s.Backup.Dump = "never"
	assert.Empty(t, of(begun))
	s.Backup.Dump = "0 9 * * *" // today's may still be under way
	assert.Equal(t, at("2026-11-27T08:00:00Z"), of(begun)[0].Since)
}

func TestChains(t *testing.T) {
	at := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	list := []Backup{
		{ID: "1", Finished: at(1), OnDisk: 10}, {ID: "2", Parent: "1", Finished: at(2), OnDisk: 1}, {ID: "3", Finished: at(3)},
		{ID: "4", Parent: "2", Finished: at(4), OnDisk: 2}, {ID: "5", Parent: "lost", Finished: at(0)},
		{ID: "6", Parent: "7", Finished: at(-2)}, {ID: "7", Parent: "6", Finished: at(-1)}, // cannot be, and must not hang
	}
	var got []string
	for _, c := range Chains(list)[:3] {
		var ids []string
		for _, b := range c.Members {
			ids = append(ids, b.ID)
		}
		got = append(got, fmt.Sprint(ids, c.Broken, c.Size()))
	}
	assert.Equal(t, []string{"[1 2 4] false 13", "[3] false 0", "[5] true 0"}, got)
	list[1].Damaged = &struct {
		Reason string `json:"reason"`
	}{"bits"}
	assert.True(t, Chains(list)[0].Broken, "a chain with a damaged link is broken")
}

func TestJSONIsTheSameData(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, sample().Write(&b, "json"))
	var again Report
	require.NoError(t, json.Unmarshal(b.Bytes(), &again))
	assert.Equal(t, render(t, sample()), render(t, again))
}

func TestThePasswordIsHashed(t *testing.T) {
	file, err := htpasswd("a longer pässword: $1")
	require.NoError(t, err)
	name, hash, _ := strings.Cut(strings.TrimSpace(string(file)), ":")
	assert.Equal(t, User, name)
	assert.NotContains(t, string(file), "longer")
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte("a longer pässword: $1")))
	none, err := htpasswd("")
	require.NoError(t, err)
	assert.Nil(t, none)
	_, err = htpasswd(strings.Repeat("x", 73))
	assert.ErrorContains(t, err, "REPORT_PASSWORD")
}

// Only a release that could take the traffic at once is called warm.
func TestTheColourWithoutTraffic(t *testing.T) {
	for healthy, want := range map[int]string{3: "warm", 1: "not well", 0: "stopped"} {
		r := sample()
		r.Deploy.Situation.Blue.Healthy = healthy
		page := render(t, r)
		assert.Contains(t, page, `blue <span class="mark">`+want+`</span>`)
	}
	r := sample()
	r.Deploy.Situation.Blue = deploy.Colour{Name: compose.Blue}
	assert.Contains(t, render(t, r), `blue <span class="soft">empty</span>`)
}

// How old a drill may be is the setting's to say; without a bound it is a week and a day.
func TestADrillIsOldByTheSetting(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		setting, age time.Duration
		old          bool
	}{
		{0, 8*day - time.Hour, false}, {0, 8*day + time.Hour, true},
		{2 * day, 2*day - time.Hour, false}, {2 * day, 2*day + time.Hour, true},
		{30 * day, 9 * day, false}, {30 * day, 31 * day, true},
	} {
		r := sample()
		r.DrillAge, r.Drills[5].Started = c.setting, now.Add(-c.age)
		assert.Equal(t, c.old, len(r.Problems()) > 0, "%+v", c)
	}
}
