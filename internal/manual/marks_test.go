package manual

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
	"drydock/internal/training"
)

func TestSteps(t *testing.T) {
	m := Parse([]byte(`# A page

<!-- Generated from something; no marking -->

Text.

<!-- run -->

    one
    two # with a comment

<!-- output -->
` + "```" + `
1 ... 2
` + "```" + `

<!-- prepare: prod
three
four
-->
<!-- let: prod 2026-01-31 11:59:00+08
cat when
-->
<!-- run: prod fails: 4 -->
` + "```sh" + `
five
` + "```" + `

    not marked
`))
	m.Path = "page.md"
	steps, err := m.Steps()
	require.NoError(t, err)
	assert.Equal(t, []Step{
		{Line: 7, Kind: Run, Stack: OnDev, Script: "one\ntwo # with a comment", Output: []string{"1 ... 2"}},
		{Line: 17, Kind: Prepare, Stack: OnProd, Script: "three\nfour"},
		{Line: 21, Kind: Let, Stack: OnProd, Word: "2026-01-31 11:59:00+08", Script: "cat when"},
		{Line: 24, Kind: Run, Stack: OnProd, Script: "five", Code: 4},
	}, steps)
}

func TestBadMarkings(t *testing.T) {
	const block = "\n\n    x\n"
	for text, want := range map[string]string{
		"<!-- runs -->" + block:                           `no marking "runs"`,
		"<!-- What comes next is odd. -->" + block:        `no marking "What"`,
		"<!-- run -->\n\ntext":                            "no block of code",
		"<!-- run -->\n\ntext" + block:                    "no block of code",
		"<!-- run -->\n\n```mermaid\nx\n```\n":            "is mermaid",
		"<!-- run: test -->" + block:                      `no stack "test"`,
		"<!-- run twice -->" + block:                      `"twice" is too much for run`,
		"<!-- run fails: no -->" + block:                  "from 1 to 255",
		"<!-- run fails: 0 -->" + block:                   "from 1 to 255",
		"<!-- run\nx\n-->" + block:                        "it has one line",
		"<!-- prepare -->" + block:                        "the script is missing",
		"<!-- let 42 -->" + block:                         "the script is missing",
		"<!-- let\nx\n-->" + block:                        "that it replaces is missing",
		"<!-- output -->" + block:                         "no run comes before it",
		"<!-- prepare\nx\n-->\n\n<!-- output -->" + block: "no run comes before it",
		"<!-- run -->" + block + "\n<!-- output -->" + block + "\n<!-- output -->" + block: "has an output already",
		"<!--\nrun\n: x -->" + block: "it has one line",
	} {
		m := Parse([]byte("# T\n\n" + text))
		m.Path = "page.md"
		_, err := m.Steps()
		if assert.Error(t, err, text) {
			assert.ErrorContains(t, err, want, text)
			assert.Regexp(t, `page\.md:\d+: <!-- `, err.Error())
		}
	}
}

func TestCheckOutput(t *testing.T) {
	const got = "drill: preparing\nSERVICE   STATE\ngateway   healthy  1m\n\ntook 1.5s (of 3)\n"
	for name, c := range map[string]struct {
		want []string
		bad  string
	}{
		"in order, with others between":  {[]string{"SERVICE STATE", "took 1.5s (of 3)"}, ""},
		"blanks are as wide as they are": {[]string{"gateway       healthy 1m"}, ""},
		"dots for a part":                {[]string{"gateway healthy ...", "took ... (of ...)"}, ""},
		"dots for lines":                 {[]string{"drill: preparing", "...", "", "took ..."}, ""},
		"nothing is promised":            {nil, ""},
		"another order":                  {[]string{"took ...", "SERVICE STATE"}, "SERVICE STATE"},
		"one line, promised twice":       {[]string{"SERVICE STATE", "SERVICE STATE"}, "SERVICE STATE"},
		"a part of a line is not it":     {[]string{"SERVICE"}, "SERVICE"},
		"no regular expression":          {[]string{"took 1x5s .of 3."}, "took 1x5s"},
	} {
		err := CheckOutput(c.want, got)
		if c.bad == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.bad, name)
		}
	}
}

func TestReplace(t *testing.T) {
	r := Replace{"42": "7", "<PROJECT>": "shop"}
	for script, want := range map[string]string{
		"BACKUP=42 x app_restored_42":          "BACKUP=7 x app_restored_7",
		"echo 1427 42a b42":                    "echo 1427 42a b42",
		"docker exec <PROJECT>-db-1 psql":      "docker exec shop-db-1 psql",
		"42":                                   "7",
		"nothing":                              "nothing",
		"docker volume rm <PROJECT>-db-before": "docker volume rm shop-db-before",
	} {
		assert.Equal(t, want, r.In(script))
	}
	r = Replace{"17": "3", "MOMENT": "21:17:59", "MOMENTS": "17"}
	assert.Equal(t, "AT=21:17:59 BACKUP=3 N=17", r.In("AT=MOMENT BACKUP=17 N=MOMENTS"), "what was put in is not looked through")
}

// Each exercise is on the page about them, where a test starts, solves and checks it.
func TestEveryExerciseIsInTheManual(t *testing.T) {
	page, err := Read(filepath.Join(testkit.Root(t), "docs", "en", "training.md"))
	require.NoError(t, err)
	steps, err := page.Steps()
	require.NoError(t, err)
	for _, e := range training.Exercises() {
		begun, checked := false, false
		for _, s := range steps {
			begun = begun || strings.Contains(s.Script, "drill:start "+e.Name)
			checked = checked || slices.ContainsFunc(s.Output, func(line string) bool { return strings.HasPrefix(line, e.Name+": mended") })
		}
		assert.True(t, begun, "%s is not started", e.Name)
		assert.True(t, checked, "that %s is mended is not shown", e.Name)
	}
}

// Both languages are marked in the same way, so that running one of them is enough.
func TestLanguagesAreMarkedEqually(t *testing.T) {
	_, list := pages(t)
	steps := map[string][]Step{}
	marked := 0
	for _, m := range list {
		found, err := m.Steps()
		if !assert.NoError(t, err) {
			continue
		}
		for i := range found {
			found[i].Line = 0
			if found[i].Kind == Run { // the comments of a block are in the page's language, its commands are compared elsewhere
				found[i].Script = ""
			}
		}
		marked += len(found)
		dir, name := filepath.Split(m.Path)
		switch filepath.Base(dir) {
		case "en":
			steps[name] = found
		case "zh":
			assert.Equal(t, steps[name], found, name) // en comes first
		default:
			assert.Empty(t, found, "%s: pages of one language are not run", name)
		}
	}
	assert.Greater(t, marked, 40)
}
