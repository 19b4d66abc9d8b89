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

	"filippo.io/age"
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
const raise = `test -z "$ENV" || test -e ".secrets/$ENV/db_password" || go tool mage env:secrets
go tool mage up`

// TestManuals does what the manual says, page by page, as a reader would: in a checkout, with
// bash, on three scratch stacks. The marked blocks are run in order, and what they print is
// compared where the page shows it. The English pages are run; another test sees to it that
// the others have the same commands and the same markings.
func TestManuals(t *testing.T) {
	b := newBook(t)
	paths, err := filepath.Glob(filepath.Join(b.root, "docs", "en", "*.md"))
	require.NoError(t, err)
	// Who starts with the manual starts there; the others are in no order.
	slices.SortStableFunc(paths, func(x, y string) int { return first(x) - first(y) })
	var chapters []chapter
	for _, path := range paths {
		page, err := manual.Read(path)
		require.NoError(t, err)
		steps, err := page.Steps()
		require.NoError(t, err)
		if len(steps) > 0 {
			chapters = append(chapters, chapter{path, steps})
		}
	}
	require.Greater(t, len(chapters), 5)
	for i, c := range chapters {
		t.Run(strings.TrimSuffix(filepath.Base(c.path), ".md"), func(t *testing.T) { b.read(t, c.path, c.steps) })
		for stack := range b.used {
			if !slices.ContainsFunc(chapters[i+1:], func(later chapter) bool { return later.uses(stack) }) {
				delete(b.used, stack)
				r := b.bash(t, stack, "go tool mage down") // a dozen health checks every few seconds slow the others down
				assert.Zero(t, r.code, "taking down the stack %s after %s:\n%s", stack, c.path, r.all)
			}
		}
	}
}

// chapter is what one page says to do.
type chapter struct {
	path  string
	steps []manual.Step
}

func (c chapter) uses(stack string) bool {
	return slices.ContainsFunc(c.steps, func(s manual.Step) bool { return s.Stack == stack })
}

func first(path string) int {
	if filepath.Base(path) == "getting-started.md" {
		return 0
	}
	return 1
}

// book is what a reader has: checkouts, and environments that are in nobody's way.
type book struct {
	root   string // of the first checkout
	places map[string]place
	used   map[string]bool // stacks that steps were run on, and that were not taken down
}

// place is a stack and the checkout that it is run from.
type place struct {
	root, project string
	env           string // prod is exported; dev need not be
}

func newBook(t *testing.T) book {
	t.Helper()
	prefix := testkit.Name(t, "manual")
	t.Cleanup(func() { dropImages(t, prefix) }) // the last thing, when no container uses them any more
	home, second := checkout(t), checkout(t)
	storage := withStorage(t, second)
	return book{root: home, used: map[string]bool{}, places: map[string]place{
		manual.OnDev:  settle(t, home, prefix, "dev", testkit.Project(t, "manual-dev")),
		manual.OnProd: settle(t, home, prefix, "prod", testkit.Project(t, "manual-prod")),
		manual.OnS3:   settle(t, second, prefix, "prod", testkit.Project(t, "manual-s3"), storage...),
	}}
}

// settle makes a stack's settings in the files that are a user's own, so that no command of a page has to
// be another one.
func settle(t *testing.T, root, prefix, environment, project string, more ...string) place {
	t.Helper()
	lines := append([]string{
		"PROJECT=" + project, "IMAGE_PREFIX=" + prefix, "HTTP_BIND=127.0.0.1",
		fmt.Sprintf("HTTP_PORT=%d", testkit.Port(t)), fmt.Sprintf("HTTPS_PORT=%d", testkit.Port(t)),
		fmt.Sprintf("DB_PORT=%d", testkit.Port(t)), fmt.Sprintf("REDIS_PORT=%d", testkit.Port(t)),
		"DEPLOY_BY=reader", "DEPLOY_STABLE=1s", "WATCH_FOR=2s", "DRAIN=2s",
	}, more...)
	file := filepath.Join(root, ".env."+environment+".local")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return place{root, project, environment}
}

// withStorage starts a storage for a checkout's backups, puts its secrets and a key of age into it, and returns the settings.
func withStorage(t *testing.T, root string) []string {
	t.Helper()
	s3 := testkit.StartS3OnHost(t)
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	for name, text := range map[string]string{
		".secrets/prod/backup_s3_access_key": s3.AccessKey, ".secrets/prod/backup_s3_secret_key": s3.SecretKey,
		".drydock/key.txt": key.String(), "s3-ca.pem": s3.CA,
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	}
	return []string{
		"BACKUP_S3_ENDPOINT=" + s3.Endpoint, "BACKUP_S3_BUCKET=" + s3.Bucket, "BACKUP_S3_CA=s3-ca.pem", "BACKUP_S3_PATH=/site",
		"BACKUP_AGE_RECIPIENTS=" + key.Recipient().String(),
	}
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
func (b book) read(t *testing.T, path string, steps []manual.Step) {
	rel, err := filepath.Rel(b.root, path)
	require.NoError(t, err)
	words, up := manual.Replace{}, map[string]bool{}
	for _, s := range steps {
		// A page is about a stack that runs, unless it says how to get one.
		if !up[s.Stack] && !strings.Contains(s.Script, "mage up") && !strings.Contains(s.Script, "setup up") {
			r := b.bash(t, s.Stack, raise)
			require.Zero(t, r.code, "starting the stack %s for %s:\n%s", s.Stack, rel, r.all)
		}
		up[s.Stack], b.used[s.Stack] = true, true
		words["<PROJECT>"] = b.places[s.Stack].project
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
func (b book) bash(t *testing.T, stack, script string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepTimeout)
	defer cancel()
	p := b.places[stack]
	environ := append(world(), "NO_COLOR=1", "EDITOR=true") // what an editor would do, a prepare does
	if p.env != manual.OnDev {
		environ = append(environ, "ENV="+p.env)
	}
	var all, out log
	err := run.Run(ctx, run.Cmd{
		Name: "bash", Args: []string{"-eo", "pipefail", "-c", script}, Dir: p.root, Env: environ,
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
