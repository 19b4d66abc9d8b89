package env

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every way of writing a value and the one thing it means. The first is the
// password of docker/compose 9661, which was cut at its $.
func TestParseDotenvValues(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"compose 9661 unquoted":        {`K=pass__$85858#'x`, `pass__$85858#'x`},
		"compose 9661 double quoted":   {`K="pass__$85858#'x"`, `pass__$85858#'x`},
		"coolify 1821":                 {`K=abc$def`, `abc$def`},
		"dollar alone":                 {`K=$`, `$`},
		"two dollars":                  {`K=a$$b`, `a$$b`},
		"two dollars, double quoted":   {`K="a$$b"`, `a$$b`},
		"two dollars, single quoted":   {`K='a$$b'`, `a$$b`},
		"braces":                       {`K=${X}`, `${X}`},
		"braces of a key of the file":  {"X=1\nK=${X}", `${X}`},
		"name of a key of the file":    {"X=1\nK=\"$X\"", `$X`},
		"default in braces":            {`K=${X:-y}`, `${X:-y}`},
		"command":                      {`K=$(id)`, `$(id)`},
		"backquotes":                   {"K=`id`", "`id`"},
		"escaped dollar, unquoted":     {`K=a\$b`, `a\$b`},
		"escaped dollar, quoted":       {`K="a\$b"`, `a$b`},
		"escaped dollar, single":       {`K='a\$b'`, `a\$b`},
		"hash inside":                  {`K=a#b`, `a#b`},
		"hash first":                   {`K=#a`, `#a`},
		"comment":                      {`K=a #b`, `a`},
		"comment after tab":            {"K=a\t#b", `a`},
		"two comments: the first cuts": {`K=a #b #c`, `a`},
		"comment after nothing":        {`K= # b`, ``},
		"comment after quotes":         {`K="a #b" # c`, `a #b`},
		"hash in single quotes":        {`K='a # b'`, `a # b`},
		"equals":                       {`K=a=b==`, `a=b==`},
		"equals first":                 {`K==`, `=`},
		"blanks inside":                {`K=a  b`, `a  b`},
		"blanks around":                {"  K =  a b \t ", `a b`},
		"blanks in quotes":             {`K="  a "`, `  a `},
		"tab inside":                   {"K=a\tb", "a\tb"},
		"tab escape":                   {`K="a\tb"`, "a\tb"},
		"no-break space stays":         {"K=\u00a0a\u00a0", "\u00a0a\u00a0"},
		"last byte 0xA0":               {"K=voilà", "voilà"},
		"last byte 0x85":               {"K=Å #c", "Å"},
		"hash after à":                 {"K=à#b", "à#b"},
		"UTF-8":                        {"K=密码😀é", "密码😀é"},
		"backslashes, unquoted":        {`K=C:\new\table\`, `C:\new\table\`},
		"backslashes, single quoted":   {`K='C:\new\'`, `C:\new\`},
		"backslashes, double quoted":   {`K="C:\\new\\"`, `C:\new\`},
		"escapes":                      {`K="\n\r\t\\\"\$"`, "\n\r\t\\\"$"},
		"escaped quote at the end":     {`K="a\""`, `a"`},
		"escaped backslash, then n":    {`K="\\n"`, `\n`},
		"quotes in the middle":         {`K=a"b'c`, `a"b'c`},
		"quotes of the other kind":     {`K='"'`, `"`},
		"quotes twice":                 {`K='""'`, `""`},
		"apostrophe in double quotes":  {`K="it's"`, `it's`},
		"several lines, double":        {"K=\"a\nb\n\nc\"", "a\nb\n\nc"},
		"several lines, single":        {"K='a\n# b\nX=1'", "a\n# b\nX=1"},
		"several lines, CRLF":          {"K=\"a\r\nb\"\r\n", "a\nb"},
		"CRLF":                         {"K=a\r\n", "a"},
		"CRLF, no value":               {"K=\r\n", ""},
		"no newline at the end":        {"X=1\nK=a", "a"},
		"BOM":                          {"\ufeffK=a", "a"},
		"BOM inside":                   {"K=a\ufeffb", "a\ufeffb"},
		"empty":                        {"K=", ""},
		"empty, double quoted":         {`K=""`, ""},
		"empty, single quoted":         {`K=''`, ""},
		"export":                       {"export K=a", "a"},
		"export, more blanks":          {" export\t K='a b'", "a b"},
		"percent":                      {"K=%41+%zz", "%41+%zz"},
		"control character":            {"K=a\x1b[0mb", "a\x1b[0mb"},
	} {
		t.Run(name, func(t *testing.T) {
			entries, faults := parseDotenv([]byte(c.text))
			require.Empty(t, faults)
			last := entries[len(entries)-1]
			assert.Equal(t, "K", last.key)
			assert.Equal(t, c.want, last.value)
		})
	}
}

func TestParseDotenvKeys(t *testing.T) {
	entries, faults := parseDotenv([]byte("# first\n\nA=1\n  # second\nexport=x\nexport B=2 # c\nM='x\ny\nz'\nC=\"\n\"\nlower_case9=3"))
	require.Empty(t, faults)
	var got []string
	for _, e := range entries {
		got = append(got, e.key)
	}
	assert.Equal(t, []string{"A", "export", "B", "M", "C", "lower_case9"}, got)
	lines := map[string]int{}
	for _, e := range entries {
		lines[e.key] = e.line
	}
	assert.Equal(t, map[string]int{"A": 3, "export": 5, "B": 6, "M": 7, "C": 10, "lower_case9": 12}, lines)
}

// What could be read in two ways is refused with its line, and the lines after
// it are read all the same.
func TestParseDotenvFaults(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		line  int
		found string
		more  bool // GOOD=1 at the end of the file is still found
	}{
		"duplicate":               {"K=1\nX=2\nK=3", 3, "here and in line 1", true},
		"duplicate by export":     {"K=1\nexport K=1", 2, "here and in line 1", true},
		"no assignment":           {"\nK", 2, "not KEY=value", true},
		"export alone":            {"export K", 1, "not KEY=value", true},
		"yaml":                    {"K: v", 1, "not KEY=value", true},
		"yaml with equals":        {"K: v=w", 1, "not a name", true},
		"bad name":                {"A-B=1", 1, "not a name", true},
		"digit first":             {"1A=1", 1, "not a name", true},
		"no name":                 {"=1", 1, "not a name", true},
		"blank in the name":       {"A B=1", 1, "not a name", true},
		"non-ASCII name":          {"É=1", 1, "not a name", true},
		"text after quotes":       {`K="a"b`, 1, "after the closing", true},
		"comment without a blank": {`K='a'#b`, 1, "after the closing", true},
		"two apostrophes":         {`K='it's'`, 1, "after the closing", true},
		"text after many lines":   {"K='a\nb'c", 1, "after the closing", true},
		"unknown escape":          {`K="C:\dir"`, 1, "unknown escape", true},
		"escaped apostrophe":      {`K="it\'s"`, 1, "unknown escape", true},
		"continued line":          {"K=\"a\\\nb\"", 1, "unknown escape", true},
		"unterminated double":     {"X=1\nK=\"a", 2, "no closing", true},
		"unterminated single":     {"K='a", 1, "no closing", true},
		"escaped away":            {`K="a\"`, 1, "no closing", true},
		"backslash at the end":    {`K="a\`, 1, "no closing", false},
		"lone CR":                 {"A=1\rB=2", 1, "carriage return", false},
		"NUL":                     {"A=1\nB=\x00", 2, "NUL", false},
		"not UTF-8":               {"A=1\nB=caf\xe9", 2, "not UTF-8", false},
		"UTF-16":                  {"\xff\xfeK\x00=\x00", 1, "UTF-16", false},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if c.more {
				text += "\nGOOD=1\n"
			}
			entries, faults := parseDotenv([]byte(text))
			require.Len(t, faults, 1)
			assert.Equal(t, c.line, faults[0].line)
			assert.Contains(t, faults[0].found, c.found)
			assert.NotEmpty(t, faults[0].fix)
			if c.more {
				assert.Contains(t, entries[len(entries)-1].key, "GOOD")
			}
		})
	}
}

// A fault never shows what it found: it may be a part of a secret.
func TestParseDotenvFaultsShowNoValue(t *testing.T) {
	for _, text := range []string{
		"DB_PASSWORD='canary\ncanary=x", "DB_PASSWORD=\"canary\\canary\"", "DB_PASSWORD='canary'canary",
		"canary", "canary-canary=1", "canary canary=1", "DB_PASSWORD=canary\nDB_PASSWORD=canary", "DB_PASSWORD=\xffcanary", "DB_PASSWORD=canary\rcanary",
	} {
		_, faults := parseDotenv([]byte(text))
		require.NotEmpty(t, faults, text)
		for _, f := range faults {
			assert.NotContains(t, f.key+f.found+f.fix, "canary", text)
		}
	}
}

func seed(f *testing.F) {
	for _, s := range []string{
		"", "a", "$", "$$", "${X}", "$(x)", "'", `"`, `'"`, "#", " #", "a #b", "=", " ", "\t", "a b", `\`, `\\`, `\n`, `\$`, "\n", "\r", "\r\n", "a\nb",
		"密码", "à", "Å", "\u00a0", "\ufeff", "\u2028", `pass__$85858#'x`, "%41", "+", "export", "\x1b", "\x01", "a\\", `"a"`, `'a'`, "`",
	} {
		f.Add(s)
	}
}

// Whatever the value, Quote writes it so that the file gives it back, whatever
// surrounds it there.
func FuzzQuoteRoundTrip(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, value string) {
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return // no environment variable of ours can hold it
		}
		line := "K=" + Quote(value)
		for _, text := range []string{
			line, line + "\n", "\ufeff" + line + "\n", "export " + line + " # comment\nZ=1\n", "# it's \"\nA='x\ny'\n  " + line + "\t\n",
			strings.ReplaceAll("A=1\n"+line+"\nZ=2\n", "\n", "\r\n"),
		} {
			entries, faults := parseDotenv([]byte(text))
			if len(faults) > 0 {
				t.Fatalf("%q: %+v", text, faults)
			}
			found := false
			for _, e := range entries {
				if e.key == "K" {
					found = true
					if e.value != value {
						t.Fatalf("%q: got %q, want %q", text, e.value, value)
					}
				}
			}
			if !found {
				t.Fatalf("%q: no K", text)
			}
		}
	})
}

// Whatever the file: no panic, true line numbers, no key twice, no NUL, and what
// was read means the same when it is written again.
func FuzzParseDotenv(f *testing.F) {
	seed(f)
	for _, s := range []string{
		"A=1\nB='2'\nC=\"3\"", "A='\n'\nB=", "export A=1 # x", "A=\"\\n\"", "A='", "A=\"\\", "\xff\xfe", "A=\x00", "A=1\rB", "A=1\nA=2", "A = 'x' # y\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, faults := parseDotenv([]byte(text))
		lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		seen := map[string]bool{}
		var again strings.Builder
		for _, e := range entries {
			if e.line < 1 || e.line > len(lines) || !strings.Contains(lines[e.line-1], e.key) {
				t.Fatalf("%q is not in line %d", e.key, e.line)
			}
			if seen[e.key] {
				t.Fatalf("%q twice", e.key)
			}
			seen[e.key] = true
			if strings.ContainsRune(e.value, 0) {
				t.Fatal("a NUL")
			}
			again.WriteString(e.key + "=" + Quote(e.value) + "\n")
		}
		for _, one := range faults {
			if one.line < 1 || one.line > len(lines) || one.found == "" || one.fix == "" {
				t.Fatalf("%+v", one)
			}
		}
		second, faults := parseDotenv([]byte(again.String()))
		if len(faults) > 0 || len(second) != len(entries) {
			t.Fatalf("%q: %+v", again.String(), faults)
		}
		for i := range entries {
			if second[i].key != entries[i].key || second[i].value != entries[i].value {
				t.Fatalf("%+v became %+v", entries[i], second[i])
			}
		}
	})
}

func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{"", "migrate up", `a 'b c' "d \" e" \f`, `'`, `"`, `\`, `a''b`, "\n", `""`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := SplitWords(text)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		again, err := SplitWords(strings.Join(quoted, " "))
		if err != nil || strings.Join(again, "\x00") != strings.Join(words, "\x00") || len(again) != len(words) {
			t.Fatalf("%q: %q became %q (%v)", text, words, again, err)
		}
	})
}
