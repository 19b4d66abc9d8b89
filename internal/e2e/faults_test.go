//go:build e2e && faults

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// calamity is a fault of the running product, and what users must still get.
type calamity struct {
	name     string
	pageLost int // how many of 100 requests for the page may fail; mostly none
	apiLost  int // for the API
	gets     string
	do       func(*testing.T, *running) (mend func())
	held     time.Duration // how long it lasts before the test ends it; 0: it ends by itself
	back     time.Duration // the bound of the recovery
}

// survived is what was seen of one, from the fault to the recovery.
type survived struct {
	calamity
	page, api, written share
	back               time.Duration
}

// share is how many of some requests failed.
type share struct{ failed, of int }

func (s share) String() string { return fmt.Sprintf("%d of %d", s.failed, s.of) }

func (s share) within(percent int) bool { return s.failed*100 <= s.of*percent }

// TestFaults breaks each part of a running product, one after the other, under the eyes of
// users: what they must still get they get, it comes back within a bound by itself, and no
// note that was acknowledged is lost.
func TestFaults(t *testing.T) {
	r := scratch(t, "prod", "BACKEND_REPLICAS=2", "TLS=off", "DB_MEMORY=512m")
	for volume, size := range disks {
		testkit.Disk(t, r.Settings.Project+"-"+volume, size, map[string]string{
			"com.docker.compose.project": r.Settings.Project, "com.docker.compose.volume": volume, "drydock.project": r.Settings.Project,
		})
	}
	r.up(t)
	var seen []survived
	list := calamities()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			s := r.suffer(t, c)
			if !t.Failed() {
				seen = append(seen, s)
			}
		})
	}
	fmt.Printf("faults survived %d of %d\n", len(seen), len(list))
	if len(seen) == len(list) {
		require.NoError(t, os.WriteFile(filepath.Join(testkit.Root(t), "docs", "faults.md"), faultsPage(seen), 0o644))
	}
}

// suffer lets one fault happen and looks at what users get.
func (r *running) suffer(t *testing.T, c calamity) survived {
	s := survived{calamity: c}
	r.settled(t, time.Minute)
	page := testkit.StartLoad(t, testkit.Load{URL: r.base + "/", Rate: 20, Workers: 16, Timeout: 5 * time.Second})
	api := testkit.StartLoad(t, testkit.Load{URL: r.base + "/api/notes", Rate: 20, Workers: 32, Timeout: 5 * time.Second})
	author := r.startWriting(t)
	before := [...]int{page.Reach(10), api.Reach(10), author.reach(t, 1)}
	mend := c.do(t, r)
	if c.held > 0 {
		<-time.After(c.held) // this long it lasts
	}
	mend()
	begin := time.Now()
	r.settled(t, c.back)
	s.back = time.Since(begin)
	author.reach(t, author.tried()+2)
	gotPage, gotAPI, gotAuthor := page.Stop(), api.Stop(), author.stop()
	s.page = share{gotPage.Failed, gotPage.Sent - before[0]}
	s.api = share{gotAPI.Failed, gotAPI.Sent - before[1]}
	s.written = share{gotAuthor.failed, gotAuthor.of - before[2]}
	t.Logf("failed: page %s, API %s, notes %s; whole again after %s", s.page, s.api, s.written, s.back)
	assert.True(t, s.page.within(c.pageLost), "the page: %s", gotPage)
	assert.True(t, s.api.within(c.apiLost), "the API: %s", gotAPI)
	assert.NoError(t, r.write("after "+c.name), "it can be written to")
	var kept string
	require.Eventually(t, func() bool { // an operator gets in, too
		var err error
		kept, err = r.Engine.ExecOutput(t.Context(), r.service(t, "db").ID, "psql", "-XqAt", "-U", r.Settings.Database.User, "-d", r.Settings.Database.Name,
			"-c", "SELECT title FROM notes WHERE title LIKE 'kept-%'")
		return err == nil
	}, c.back, 200*time.Millisecond)
	there := strings.Fields(kept)
	for _, title := range author.acknowledged {
		assert.Contains(t, there, title, "it was acknowledged")
	}
	return s
}

// write makes a note, and is nil when that was acknowledged.
func (r *running) write(title string) error {
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Post(r.base+"/api/notes", "application/json", strings.NewReader(`{"title":"`+title+`"}`))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // the status is all that is wanted
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}

// settled waits until everything is healthy, and page and API answer.
func (r *running) settled(t *testing.T, bound time.Duration) {
	t.Helper()
	ok := func(path string) bool {
		resp, err := (&http.Client{Timeout: 2 * time.Second}).Get(r.base + path)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }() // the status is all that is wanted
		return resp.StatusCode == http.StatusOK
	}
	require.Eventually(t, func() bool {
		for _, c := range r.containers(t) {
			if c.State != engine.Running || c.Health != engine.Healthy {
				return false
			}
		}
		return ok("/") && ok("/api/notes")
	}, bound, 100*time.Millisecond, "it is as before")
}

// faultsPage is docs/faults.md.
func faultsPage(list []survived) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Faults\n\nWhat happens to users when a part of the product fails, as seen by a test that breaks each one in turn while the page and the API "+
		"are asked 20 times a second each, and notes are written four times a second (`go tool mage test:faults`). No note that was acknowledged, before a fault or during it, was lost in any of them. "+
		"A fault that lasts is ended after some seconds (the network joined, the disk freed, the process let go on); all else mends itself.\n\n"+
		"Faults survived: %d of %d.\n\n| fault | users still get | failed requests for the page | of the API | notes not written | whole again after |\n| --- | --- | --- | --- | --- | --- |\n", len(list), len(list))
	for _, s := range list {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.1f s |\n", s.name, s.gets, s.page, s.api, s.written, s.back.Seconds())
	}
	b.WriteString(`
Two replicas of the backend, each volume on a small disk of its own, one machine. Failed requests are those that were on their way, or
came before the gateway knew; the bounds of each row, of the recovery and of how many may fail, are in the table of the test.

## Other faults

What needs another machine, or is not about users, has tests of its own:

| fault | what has to be | test |
| --- | --- | --- |
| the Engine ends in the middle of a deploy, and comes back | the old release is back by itself, the next deploy goes on | ` + "`TestRemote`" + ` |
| a deploy is killed at each of its steps | no request fails, the next deploy goes on | ` + "`TestDeploy`" + ` |
| a release crashes, hangs, leaks, slows down, answers 500, ... | the old release serves | ` + "`TestDeploy`" + ` |
| a machine of a Swarm is lost | the site goes on | ` + "`TestASwarmOfThreeLosesANode`" + ` |
| the database's volume is deleted under load, ` + "`RPO=zero`" + ` | every acknowledged commit is restored | ` + "`TestNoAcknowledgedCommitIsLostUnderFaults`" + ` |
| rows deleted, a table dropped, the volume of the database lost | the manual's commands bring everything back | ` + "`TestManuals`" + ` |
| the machine is lost | another one has the site again, from the configuration backup, its key and the volumes of backups | ` + "`TestAnEmptyMachineComesBack`" + ` |
| a backup is killed at any moment, or runs out of disk | no part of it is ever listed | ` + "`TestKilledAtAnyMoment`, `TestAFullDisk`, `TestAKilledBackupIsAbsent`" + ` |
| any file of a backup is damaged, lost or edited | the drill fails and says which | ` + "`TestADrillSeesEveryFault`, `TestADrillSeesEveryFaultOfAPhysicalBackup`" + ` |
| crashes between writes, backups and restores, at random | each restore is what a model says | ` + "`TestRandomSchedulesAgainstAModel`" + ` |
| the clock steps forward or back | no run is lost or doubled, retention keeps what it must | ` + "`TestAClockThatIsSet`, `TestProperties`" + ` |
| a certificate expires, its renewal fails | the old one goes on serving, and everybody is told | ` + "`TestServesWithAnExpiredCertificate`, `TestPrepareKeepsAnExpiredCertificate`, `TestCertificateFromAnAuthority`" + ` |
| 200 slow clients, 10,000 idle connections | ordinary requests are answered | ` + "`TestCrowd`" + ` |
`)
	return b.Bytes()
}
