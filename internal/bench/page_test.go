package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

func page(t *testing.T, rows []Row, h Head) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Page(&b, rows, h))
	return b.String()
}

func TestPageHasNoNumberWithoutItsPeer(t *testing.T) {
	slow, quick := Sample{10, 12, 11}, Sample{5, 6, 5.5}
	rows := []Row{row("dumps", "plain", "s", slow, "plain", slow), row("dumps", "ours", "s", quick, "plain", slow)}
	h := Head{
		At: time.Unix(0, 0), Commit: "1.2.0-3-gabc1234", Tools: []Tool{{"Go", "1.26.1"}, {"wrk", "4.1.0"}},
		Engine: engine.Info{CPUs: 2, Architecture: "x86_64", Memory: 4 << 30, OperatingSystem: "Debian", Kernel: "6.1.0-18-amd64", CgroupVersion: "2", Version: "29.0"},
	}
	text := page(t, rows, h)
	for _, want := range []string{
		"on 1970-01-01", "there are 5 rounds, and 3 of backups", "| machine | 2 processors, x86_64, 4 GiB |", "| system | Debian, Linux 6.1.0, cgroup v2 |",
		"| tools | Go 1.26.1, wrk 4.1.0 |", "| commit | `1.2.0-3-gabc1234` |",
		"## Dumps\n", "| plain | 11.0 s | ±9 % | the peer |", "| ours | 5.50 s | ±9 % | 0.50 of `plain` |",
	} {
		assert.Contains(t, text, want)
	}

	reason := row("commands", "alone", "ms", slow, "", nil)
	reason.Alone = "nobody else has it"
	assert.Contains(t, page(t, []Row{reason}, h), "| alone | 11.0 ms | ±9 % | nobody else has it |", "the reason is in the table")
	for name, test := range map[string]struct {
		row  Row
		want string
	}{
		"no peer":               {row("commands", "alone", "ms", slow, "", nil), "commands: alone has no peer, and no reason is given"},
		"a peer of no number":   {row("dumps", "more", "s", slow, "other", nil), "dumps: more has no peer, and no reason is given"},
		"a peer without a row":  {row("dumps", "more", "s", slow, "other", quick), "dumps: the peer of more, other, is not in the table"},
		"a peer of another one": {row("commands", "alone", "s", slow, "plain", slow), "commands: the peer of alone, plain, is not in the table"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			require.EqualError(t, Page(&b, append(rows[:len(rows):len(rows)], test.row), h), test.want)
			assert.Empty(t, b.String())
		})
	}
}

// The rows as the scenes make them, of numbers that none of them has a reason to leave out.
func TestEachRowOfASceneHasAPeer(t *testing.T) {
	some := Sample{1, 2, 3}
	ways := map[string]Sample{composeDeploy: some, ourDeploy: some}
	all := map[string]Sample{}
	for _, name := range []string{plainDump, customDump, gzipDump, ourDump, baseBackup, barePgb, ourFull, barePart, ourPart, bareRestore, ourRestore, ourDrill} {
		all[name] = some
	}
	bytes := map[string]float64{"postgres": 1e6, "redis": 1e6, "gateway": 1e6, "backend": 6e6, "frontend": 3e7, "backup": 4e7, debianBase: 3e7, forkyBase: 2e7, nginxBase: 2.5e7}
	for name, rows := range map[string][]Row{
		"deploys": deployRows(ways, ways, ways, some),
		"sizes":   append(sizeRows(bytes, bases("17")), sizeRows(bytes, bases("18"))...),
		"backups": numbers{all, all, all}.rows(),
	} {
		require.NoError(t, unpaired(rows), name)
		for _, r := range rows {
			assert.Empty(t, r.Alone, "%s: %s", r.Scene, r.Name)
			assert.Positive(t, r.Ratio, "%s: %s", r.Scene, r.Name)
		}
	}
}

func TestAPageSaysWhatPublishedSizesAreOf(t *testing.T) {
	bytes := map[string]float64{"postgres": 64.8e6, "redis": 35.1e6, "gateway": 42e6, "backend": 6.25e6, "frontend": 36.3e6, "backup": 49e6, debianBase: 25e6, nginxBase: 30e6}
	text := page(t, sizeRows(bytes, bases("17")), Head{})
	for _, want := range []string{
		"linux/amd64", "September 2026", "Only the variants below are compared",
		"| postgres | 64.8 MB | one size | 0.40 of `postgres:17-trixie, official, published` |",
		"| backend | 6.25 MB | one size | 0.25 of `base-trixie, ours to build on` |\n| base-trixie, ours to build on | 25.0 MB | one size | the peer |",
		"| frontend | 36.3 MB | one size | 1.21 of `nginx-base, ours to build on` |",
	} {
		assert.Contains(t, text, want)
	}
}

// What was done once has no median and no spread.
func TestOneRunIsSaidToBeOne(t *testing.T) {
	rows := []Row{row(coldScene, "setup", "s", Sample{184}, "all", Sample{819}), row(coldScene, "all", "s", Sample{819}, "all", Sample{819})}
	assert.Contains(t, page(t, rows, Head{}), "| setup | 184 s | one run | 0.22 of `all` |\n| all | 819 s | one run | the peer |\n")
}

func TestAFailureHasARatioToNone(t *testing.T) {
	assert.Equal(t, "0.00", number(0))
	five := Sample{5, 5, 5}
	once := row("requests that failed", "a | b", "requests", Sample{0, 0, 3}, "theirs", five)
	assert.Equal(t, "0.00 to 3.00", once.spread(), "a round that had some is not hidden")
	_, err := json.Marshal(once)
	require.NoError(t, err)
	text := page(t, []Row{once, row("requests that failed", "theirs", "requests", five, "theirs", five)}, Head{})
	assert.Contains(t, text, `| a \| b | 0.00 requests | 0.00 to 3.00 | 0.00 of `)
	none := Sample{0, 0}
	r := row("requests that failed", "ours", "requests", none, "theirs", none)
	assert.Empty(t, r.Peer, "nothing of nothing is no ratio")
	assert.Equal(t, "no ratio: both are nothing", r.against(""))
	assert.Equal(t, "no ratio: the peer is nothing", row("requests that failed", "ours", "requests", Sample{1, 2}, "theirs", none).against(""))
	assert.Equal(t, "the peer", row("requests that failed", "theirs", "requests", none, "theirs", none).against(""))
}
