package manual

import (
	"cmp"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/testkit"
)

func TestParse(t *testing.T) {
	m := Parse([]byte("# A `b` title\n\nSee [x](y.md#z) and `code`.\n\n    go tool mage setup up   # a comment\n\n## 恢复 数据\n\n```sh\n# alone\necho 'a#b'\n```\n\n| a |\n| --- |\n| `FORMAT=json mage report` |\n\n## 恢复 数据\n"))
	assert.Equal(t, []Heading{{1, "A b title", "a-b-title"}, {2, "恢复 数据", "恢复-数据"}, {2, "恢复 数据", "恢复-数据-1"}}, m.Headings)
	assert.Equal(t, []Link{{3, "y.md#z"}}, m.Links)
	require.Len(t, m.Blocks, 2)
	assert.Equal(t, 5, m.Blocks[0].Line)
	assert.Equal(t, []string{"go tool mage setup up"}, m.Blocks[0].Commands())
	assert.Equal(t, "sh", m.Blocks[1].Language)
	assert.Equal(t, []string{"echo 'a#b'"}, m.Blocks[1].Commands())
	assert.Contains(t, m.Spans, "FORMAT=json mage report")
	assert.Equal(t, [][]string{nil, {"b", "code"}, {"FORMAT=json mage report"}, nil}, m.Sections)
	known := map[string]Target{"env:diff": {Arguments: []string{"a", "b"}}}
	assert.Equal(t, []string{"setup", "up", "deploy:prod"}, CalledTargets("go tool mage setup up\nmage deploy:prod", known))
	assert.Equal(t, []string{"env:diff", "up"}, CalledTargets("go tool mage env:diff dev prod up", known))
	assert.Empty(t, CalledTargets("go tool mage TARGET", known))
}

// pages are the manual's, and the README.
func pages(t *testing.T) (root string, list []Manual) {
	t.Helper()
	root = testkit.Root(t)
	paths := []string{filepath.Join(root, "README.md")}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	for _, p := range paths {
		m, err := Read(p)
		require.NoError(t, err)
		list = append(list, m)
	}
	require.Greater(t, len(list), 10)
	return root, list
}

func TestLinksLeadSomewhere(t *testing.T) {
	root, list := pages(t)
	for _, m := range list {
		for _, l := range m.Links {
			u, err := url.Parse(l.Target)
			if !assert.NoError(t, err, "%s:%d", m.Path, l.Line) || u.Scheme != "" {
				continue
			}
			path := m.Path
			if u.Path != "" {
				path = filepath.Join(filepath.Dir(m.Path), filepath.FromSlash(u.Path))
			}
			rel, err := filepath.Rel(root, path)
			require.NoError(t, err)
			_, err = os.Stat(path)
			if !assert.NoError(t, err, "%s:%d leads to %s", m.Path, l.Line, rel) || u.Fragment == "" || filepath.Ext(path) != ".md" {
				continue
			}
			to, err := Read(path)
			require.NoError(t, err)
			assert.True(t, slices.ContainsFunc(to.Headings, func(h Heading) bool { return h.Anchor == u.Fragment }),
				"%s:%d: %s has no section #%s", m.Path, l.Line, rel, u.Fragment)
		}
	}
}

func TestManualCallsTargetsThatExist(t *testing.T) {
	root, list := pages(t)
	known, err := Words(filepath.Join(root, "magefiles"))
	require.NoError(t, err)
	calls := 0
	for _, m := range list {
		code := slices.Clone(m.Spans)
		for _, b := range m.Blocks {
			code = append(code, b.Commands()...)
		}
		for _, c := range code {
			for _, name := range CalledTargets(c, known) {
				calls++
				assert.Contains(t, known, strings.ToLower(name), "%s: %s", m.Path, c)
			}
		}
	}
	assert.Greater(t, calls, 50)
}

// The two languages have the same sections and the same commands, in the same order.
func TestLanguagesAreEqual(t *testing.T) {
	root := testkit.Root(t)
	names := map[string]bool{}
	for _, lang := range []string{"en", "zh"} {
		found, err := filepath.Glob(filepath.Join(root, "docs", lang, "*.md"))
		require.NoError(t, err)
		for _, p := range found {
			names[filepath.Base(p)] = true
		}
	}
	require.NotEmpty(t, names)
	for name := range names {
		en, errEn := Read(filepath.Join(root, "docs", "en", name))
		zh, errZh := Read(filepath.Join(root, "docs", "zh", name))
		if !assert.NoError(t, errEn) || !assert.NoError(t, errZh) {
			continue
		}
		levels := func(m Manual) (list []int) {
			for _, h := range m.Headings {
				list = append(list, h.Level)
			}
			return list
		}
		assert.Equal(t, levels(en), levels(zh), "%s: levels of the headings", name)
		commands := func(m Manual) (list []string) {
			for _, b := range m.Blocks {
				if b.Language == "mermaid" { // its words are in the page's language
					list = append(list, "a picture")
					continue
				}
				list = append(list, b.Commands()...)
			}
			return list
		}
		assert.Equal(t, commands(en), commands(zh), "%s: commands in blocks", name)
	}
}

// constant is a word as settings, options and variables are written.
var constant = regexp.MustCompile(`[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*`)

// The two languages name the same settings in each section: one that only a sentence names is
// in no command, and easily lost in the other language.
func TestLanguagesNameTheSameSettings(t *testing.T) {
	root := testkit.Root(t)
	known := map[string]bool{}
	for _, k := range env.Schema() {
		known[k.Name] = true
	}
	settings := func(spans []string) []string {
		var list []string
		for _, word := range constant.FindAllString(strings.Join(spans, " "), -1) {
			if known[word] || strings.Contains(word, "_") {
				list = append(list, word)
			}
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	assert.Equal(t, []string{"BACKUP_KEY", "ENGINE"}, settings([]string{"ENGINE=swarm", "TEXT", "`BACKUP_KEY`"}))
	found, err := filepath.Glob(filepath.Join(root, "docs", "en", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, path := range found {
		en, err := Read(path)
		require.NoError(t, err)
		zh, err := Read(filepath.Join(root, "docs", "zh", filepath.Base(path)))
		require.NoError(t, err)
		if !assert.Len(t, zh.Sections, len(en.Sections), filepath.Base(path)) {
			continue
		}
		for i := range en.Sections {
			title := "before the first heading"
			if i > 0 {
				title = en.Headings[i-1].Text
			}
			assert.Equal(t, settings(en.Sections[i]), settings(zh.Sections[i]), "%s, %s", filepath.Base(path), title)
		}
	}
}

// A page that says what has been tested names tests that there are.
func TestNamedTestsExist(t *testing.T) {
	root, list := pages(t)
	var code strings.Builder
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || len(d.Name()) > 1 && d.Name()[0] == '.') {
			return cmp.Or(err, fs.SkipDir)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		code.Write(text)
		return err
	}))
	name := regexp.MustCompile(`^Test[A-Z]\w*$`)
	for _, m := range list {
		for _, span := range m.Spans {
			if name.MatchString(span) {
				assert.Contains(t, code.String(), "\nfunc "+span+"(t *testing.T)", "%s names %s", m.Path, span)
			}
		}
	}
}
