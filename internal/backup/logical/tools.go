package logical

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"drydock/internal/run"
)

// Tools says where PostgreSQL's programs are.
type Tools struct {
	Path string // folders like in PATH; "" is that of the backup image
}

func (t Tools) path() string {
	if t.Path == "" {
		return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	return t.Path
}

// version is what a tool says of itself.
type version struct {
	text  string // pg_dump (PostgreSQL) 17.5 (Debian 17.5-1)
	major int
}

// versionText finds the number in "pg_dump (PostgreSQL) 17.5", "18beta1", "19devel".
var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func (t Tools) version(ctx context.Context, tool string) (version, error) {
	out, err := run.Output(ctx, run.Cmd{Name: tool, Args: []string{"--version"}, Env: []string{"PATH=" + t.path(), "LC_ALL=C"}})
	if err != nil {
		return version{}, fmt.Errorf("asking %s for its version: %w", tool, err)
	}
	text := strings.TrimSpace(string(out))
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("asking %s for its version: the answer %q has none; is it PostgreSQL's?", tool, text)
	}
	major, err := strconv.Atoi(m[1])
	if err != nil {
		return version{}, fmt.Errorf("asking %s for its version: %q: %w", tool, text, err)
	}
	return version{text: text, major: major}, nil
}

// checkAge refuses a tool that is older than the server. pg_dump would refuse, too, but
// after its folder was made, and without saying what to do.
func (v version) checkAge(tool string, server int, serverText string) error {
	if v.major >= server {
		return nil
	}
	return refuse("%s is version %d (%s) and the server is version %d (%s): an older %s cannot read a newer server; "+
		"install postgresql-client-%d where this runs, or build the backup image with PG_MAJOR=%d",
		tool, v.major, v.text, server, serverText, tool, server, server)
}

// toolGrace is how long a tool may take to cancel its queries when it has to stop. The workers of
// a pg_dump whose leader is gone go on compressing, and what a tool that stops has written is thrown away.
const toolGrace = 2 * time.Second

// command is one of PostgreSQL's tools that works on a server.
func (t Tools) command(s Server, name string, args ...string) run.Cmd {
	return run.Cmd{Name: name, Args: args, Env: s.environ(t), Redact: []string{s.Password.Reveal()}, Grace: toolGrace}
}

// runTool runs it and returns its warnings. An error holds the last lines that it said.
func runTool(ctx context.Context, c run.Cmd, log func(string)) ([]string, error) {
	w := &warnings{log: log}
	c.Stderr = w
	err := run.Run(ctx, c)
	var failed *run.Error
	if errors.As(err, &failed) && failed.Code == 128+9 {
		err = fmt.Errorf("%w; it was killed, perhaps for want of memory", err)
	}
	return w.lines(), err
}

// warnings keeps what a tool said, line by line, and passes it on.
type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
	log  func(string)
	seen int
}

// maxSaid bounds what is kept of a tool that complains about every row.
const maxSaid = 64 << 10

func (w *warnings) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text.Len() < maxSaid {
		w.text.Write(p)
	}
	if w.log != nil {
		for {
			line, _, found := strings.Cut(w.text.String()[w.seen:], "\n")
			if !found {
				break
			}
			w.seen += len(line) + 1
			w.log(line)
		}
	}
	return len(p), nil
}

func (w *warnings) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for line := range strings.Lines(w.text.String()) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

var _ io.Writer = (*warnings)(nil)
