//go:build e2e && faults

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/manual"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// stepTimeout bounds one block of a page. The first one builds every image.
const stepTimeout = 20 * time.Minute

// raise starts a stack; prod has no passwords until somebody makes them.
const raise = `test -z "$ENV" || test -d ".secrets/$ENV" || go tool mage env:secrets
go tool mage up`

// TestManuals does what the manual says, page by page, as a reader would: in a checkout, with
// bash, on two scratch stacks. The marked blocks are run in order, and what they print is
// compared where the page shows it. The English pages are run; another test sees to it that
// the others have the same commands and the same markings.
func TestManuals(t *testing.T) {
	b := newBook(t)
	paths, err := filepath.Glob(filepath.Join(b.root, "docs", "en", "*.md"))
	require.NoError(t, err)
	// Who starts with the manual starts there; the others are in no order.
	slices.SortStableFunc(paths, func(x, y string) int { return first(x) - first(y) })
	ran := 0
	for _, path := range paths {
		page, err := manual.Read(path)
		require.NoError(t, err)
		steps, err := page.Steps()
		require.NoError(t, err)
		if len(steps) == 0 {
			continue
		}
		ran++
		t.Run(strings.TrimSuffix(filepath.Base(path), ".md"), func(t *testing.T) { b.read(t, path, steps) })
	}
	assert.Greater(t, ran, 5)
}

func first(path string) int {
	if filepath.Base(path) == "getting-started.md" {
		return 0
	}
	return 1
}

// book is a reader's checkout, with two environments that are in nobody's way.
type book struct {
	root     string
	projects map[string]string // by stack
}

// newBook makes one. The settings are in the files that are a user's own, so that no command
// of a page has to be another one.
func newBook(t *testing.T) *book {
	t.Helper()
	b := &book{root: checkout(t), projects: map[string]string{}}
	prefix := testkit.Name(t, "manual")
	t.Cleanup(func() { dropImages(t, prefix) }) // the last thing, when no container uses them any more
	for _, stack := range []string{manual.OnDev, manual.OnProd} {
		b.projects[stack] = testkit.Project(t, "manual-"+stack)
		lines := []string{
			"PROJECT=" + b.projects[stack], "IMAGE_PREFIX=" + prefix, "HTTP_BIND=127.0.0.1",
			fmt.Sprintf("HTTP_PORT=%d", testkit.Port(t)), fmt.Sprintf("HTTPS_PORT=%d", testkit.Port(t)),
			fmt.Sprintf("DB_PORT=%d", testkit.Port(t)), fmt.Sprintf("REDIS_PORT=%d", testkit.Port(t)),
			"DEPLOY_BY=reader", "DEPLOY_STABLE=1s", "WATCH_FOR=2s", "DRAIN=2s",
		}
		require.NoError(t, os.WriteFile(filepath.Join(b.root, ".env."+stack+".local"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	}
	return b
}

func dropImages(t *testing.T, prefix string) {
	ctx, cancel := contextWithTimeout(2 * time.Minute)
	defer cancel()
	e := testkit.Engine(t)
	images, err := e.Images(ctx, engine.Filter{Names: []string{prefix + "/*"}})
	assert.NoError(t, err)
	for _, img := range images {
		for _, tag := range img.Tags {
			if strings.HasPrefix(tag, prefix+"/") {
				assert.NoError(t, e.RemoveImage(ctx, tag))
			}
		}
	}
}

// read does what one page says.
func (b *book) read(t *testing.T, path string, steps []manual.Step) {
	rel, err := filepath.Rel(b.root, path)
	require.NoError(t, err)
	words, up := manual.Replace{}, map[string]bool{}
	for _, s := range steps {
		// A page is about a stack that runs, unless it says how to get one.
		if !up[s.Stack] && !strings.Contains(s.Script, "mage up") && !strings.Contains(s.Script, "setup up") {
			r := b.bash(t, s.Stack, raise)
			require.Zero(t, r.code, "starting the stack %s for %s:\n%s", s.Stack, rel, r.all)
		}
		up[s.Stack] = true
		words["<PROJECT>"] = b.projects[s.Stack]
		script := words.In(s.Script)
		begin := time.Now()
		r := b.bash(t, s.Stack, script)
		t.Logf("%s:%d: %s on %s, %s:\n%s", rel, s.Line, s.Kind, s.Stack, time.Since(begin).Round(100*time.Millisecond), script)
		require.Equal(t, s.Code, r.code, "%s:%d: the exit code of\n%s\nwhich printed\n%s", rel, s.Line, script, r.all)
		if s.Kind == manual.Let {
			words[s.Word] = strings.TrimSpace(r.out)
			require.NotEmpty(t, words[s.Word], "%s:%d: nothing takes the place of %s", rel, s.Line, s.Word)
			continue
		}
		want := slices.Clone(s.Output)
		for i := range want {
			want[i] = words.In(want[i])
		}
		require.NoError(t, manual.CheckOutput(want, r.all), "%s:%d:\n%s", rel, s.Line, r.all)
	}
}

// said is how a script ended.
type said struct {
	all, out string // what it printed, and the part of that to standard output
	code     int
}

// bash runs a script in the checkout. ENV is only given where a reader was told to export it.
func (b *book) bash(t *testing.T, stack, script string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepTimeout)
	defer cancel()
	environ := append(world(), "NO_COLOR=1")
	if stack != manual.OnDev {
		environ = append(environ, "ENV="+stack)
	}
	var all, out log
	err := run.Run(ctx, run.Cmd{
		Name: "bash", Args: []string{"-eo", "pipefail", "-c", script}, Dir: b.root, Env: environ,
		Stdout: io.MultiWriter(&all, &out), Stderr: &all,
	})
	var failed *run.Error
	if err != nil && !errors.As(err, &failed) || ctx.Err() != nil {
		require.NoError(t, err, "%s\n%s", script, &all)
	}
	r := said{all: all.String(), out: out.String()}
	if failed != nil {
		r.code = failed.Code
	}
	return r
}
