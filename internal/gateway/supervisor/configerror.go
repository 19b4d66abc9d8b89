package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// ConfigError is nginx's refusal of a configuration.
type ConfigError struct {
	Message string // what nginx said, without the parts that are the same each time
	File    string // relative to the configuration's folder; "" if nginx names none
	Line    int
	Context string // the line and two around it, numbered
}

func (e *ConfigError) Error() string {
	s := "nginx refuses the configuration: " + e.Message
	if e.Context != "" {
		s += "\n" + e.Context
	}
	return s
}

var (
	nginxPrefix = regexp.MustCompile(`^(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?(?:nginx: )?\[(emerg|alert|crit|error)\] (?:\d+#\d+: )?`)
	nginxPlace  = regexp.MustCompile(` in (/[^:\n]+):(\d+)$`)
)

// newConfigError makes sense of what `nginx -t` said about the configuration in dir.
func newConfigError(dir, said string) *ConfigError {
	e := &ConfigError{}
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		loc := nginxPrefix.FindStringIndex(line)
		if loc == nil {
			continue
		}
		if text := line[loc[1]:]; !strings.Contains(e.Message, text) {
			e.Message = strings.TrimPrefix(e.Message+"\n"+text, "\n")
		}
	}
	if e.Message == "" {
		e.Message = strings.TrimSpace(said)
	}
	if e.Message == "" {
		e.Message = "it does not say why"
	}
	for line := range strings.Lines(e.Message) {
		m := nginxPlace.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		e.File, e.Line = m[1], 0
		e.Line, _ = strconv.Atoi(m[2]) // it is digits
		e.Context = around(m[1], e.Line)
		break
	}
	if rel, err := filepath.Rel(dir, e.File); err == nil && filepath.IsLocal(rel) {
		e.File = rel
	}
	e.Message = strings.ReplaceAll(e.Message, dir+"/", "")
	return e
}

// around is line n of a file with two lines before and after, numbered; "" if it cannot be read.
func around(file string, n int) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	var b strings.Builder
	for i := max(1, n-2); i <= min(len(lines), n+2); i++ {
		mark := ' '
		if i == n {
			mark = '>'
		}
		fmt.Fprintf(&b, "%c %4d | %.200s\n", mark, i, lines[i-1])
	}
	return strings.TrimSuffix(b.String(), "\n")
}
