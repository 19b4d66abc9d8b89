package security

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// The manual has the rules and the exceptions of the code, with the same reasons.
func TestTheManualHasTheSameRulesAndExceptions(t *testing.T) {
	update := flag.Lookup("update").Value.String() == "true"
	for _, lang := range []string{"en", "zh"} {
		file := filepath.Join(testkit.Root(t), "docs", lang, "security.md")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		got := string(text)
		for name, table := range map[string]string{"rules": rulesTable(lang), "exceptions": exceptionsTable(lang)} {
			begin, end := "<!-- "+name+": written by go test ./internal/security -update -->\n", "<!-- end of "+name+" -->\n"
			i, j := strings.Index(got, begin), strings.Index(got, end)
			require.True(t, 0 <= i && i < j, "%s has no place for the %s", file, name)
			got = got[:i+len(begin)] + "\n" + table + "\n" + got[j:]
		}
		if update {
			require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			continue
		}
		assert.Equal(t, got, string(text), "%s is not what the code says; run: go test ./internal/security -update", file)
	}
}

func rulesTable(lang string) string {
	var b strings.Builder
	b.WriteString(map[string]string{"en": "| rule | holds where it passes | source |\n", "zh": "| 规则 | 通过的含义 | 出处 |\n"}[lang] + "| --- | --- | --- |\n")
	for _, r := range Rules() {
		title := r.Title
		if lang == "zh" {
			title = r.TitleZh
		}
		if r.Host {
			title += map[string]string{"en": " (a note about the machine)", "zh": "（宿主机提示）"}[lang]
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, title, r.Source)
	}
	return b.String()
}

func exceptionsTable(lang string) string {
	var b strings.Builder
	b.WriteString(map[string]string{"en": "| rule | where | environments | reason |\n", "zh": "| 规则 | 位置 | 环境 | 理由 |\n"}[lang] + "| --- | --- | --- | --- |\n")
	for _, e := range Exceptions() {
		reason, mode := e.Reason, string(e.Mode)
		if lang == "zh" {
			reason = e.ReasonZh
		}
		if mode == "" {
			mode = map[string]string{"en": "all", "zh": "全部"}[lang]
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", e.Rule, e.Where, mode, reason)
	}
	return b.String()
}

// An exception is about a rule that there is, in a place that can be matched.
func TestExceptionsAreSound(t *testing.T) {
	ids := map[string]bool{}
	for _, r := range Rules() {
		ids[r.ID] = true
	}
	seen := map[string]bool{}
	for _, e := range Exceptions() {
		assert.True(t, ids[e.Rule], "%s is no rule", e.Rule)
		_, err := path.Match(e.Where, "x")
		assert.NoError(t, err, e.Where)
		assert.Greater(t, len(e.Reason), 15, e.Rule)
		assert.NotEmpty(t, e.ReasonZh, e.Rule)
		key := e.Rule + " " + e.Where + " " + string(e.Mode)
		assert.False(t, seen[key], "%s is there twice", key)
		seen[key] = true
	}
}

// What the benchmark says about images and containers is a rule, or the manual names it as left out.
func TestTheBenchmarkIsCoveredOrLeftOutByName(t *testing.T) {
	number := regexp.MustCompile(`\b[45]\.[0-9]+\b`)
	known := map[string]bool{}
	for _, r := range Rules() {
		for _, n := range number.FindAllString(r.Source, -1) {
			known[n] = true
		}
	}
	for _, lang := range []string{"en", "zh"} {
		text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", lang, "security.md"))
		require.NoError(t, err)
		introduction, _, _ := strings.Cut(string(text), "<!-- rules:")
		named := number.FindAllString(introduction, -1)
		for section, last := range map[string]int{"4": 12, "5": 32} {
			for i := 1; i <= last; i++ {
				n := fmt.Sprintf("%s.%d", section, i)
				assert.True(t, known[n] || slices.Contains(named, n), "%s of the CIS Docker Benchmark is neither a rule nor left out in docs/%s/security.md", n, lang)
			}
		}
	}
}
