//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

// The canaries: secrets that must not appear anywhere. They also hold what systems
// stumble over: docker/compose 9661 (cut at $), kobo-install 102 (%), quotes, a space.
const (
	canaryDB    = `pass__$85858#'x%41 "Canary7Q`
	canaryRedis = `r3dis:$$@/\ Canary8W%`
	canaryUser  = `k3y=${HOME} Canary9E'`
)

// awkward is a value of the user's own that has to arrive byte for byte.
const awkward = "a$b $$c ${HOME} #d 'e' \"f\" \\g\th=ü"

// awkwardFile is a .env as people write it, on several systems: each of its values has to
// arrive as env:show tells it.
const awkwardFile = "\ufeff# from Windows\r\nBACKEND_ENV_HARD_1=pass__$85858#x\r\n" +
	"export BACKEND_ENV_HARD_2='$ $$ ${HOME} \"q\"' # a comment\n" +
	`BACKEND_ENV_HARD_3="it's \\ \"so\" \$x \n"` + "\n" +
	"BACKEND_ENV_HARD_4='two\n\tlines = #3 '\n" +
	"BACKEND_ENV_HARD_5=\nBACKEND_ENV_HARD_6='  blanks\t '\n" +
	"BACKEND_ENV_HARD_7=密码é%41 a=b\n" +
	`BACKEND_ENV_HARD_8=\` + "\n" +
	"BACKEND_ENV_COMPOSE_FILE=/the/users/own\n" +
	"BACKEND_ENV_HARD_9='no newline at the end'"

// running is a started stack.
type running struct {
	*stack.Stack
	root string
	env  []string // the settings, as the process environment gives them
	out  *log     // what the targets wrote
	base string
}

// log collects what commands write; it can be read while they go on.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// start brings up a stack of its own and takes it down with the test.
func start(t *testing.T, environment string, more ...string) *running {
	t.Helper()
	r := scratch(t, environment, more...)
	r.up(t)
	return r
}

// scratch is what start starts.
func scratch(t *testing.T, environment string, more ...string) *running {
	t.Helper()
	root := checkout(t)
	project := testkit.Project(t, environment)
	port, tlsPort := testkit.Port(t), testkit.Port(t)
	settings := append([]string{
		"ENV=" + environment, "PROJECT=" + project, "NO_COLOR=1",
		"HTTP_BIND=127.0.0.1", fmt.Sprintf("HTTP_PORT=%d", port), fmt.Sprintf("HTTPS_PORT=%d", tlsPort),
		fmt.Sprintf("DB_PORT=%d", testkit.Port(t)), fmt.Sprintf("REDIS_PORT=%d", testkit.Port(t)),
		"DB_PASSWORD=" + canaryDB, "REDIS_PASSWORD=" + canaryRedis,
		"BACKEND_SECRET_THIRD_PARTY=" + canaryUser, "BACKEND_ENV_AWKWARD=" + awkward,
	}, more...)
	require.NoError(t, os.WriteFile(filepath.Join(root, ".env"), []byte(awkwardFile), 0o600))
	r := open(t, root, settings)
	r.base = fmt.Sprintf("http://127.0.0.1:%d", port)
	return r
}

func (r *running) up(t *testing.T) {
	t.Helper()
	if err := r.Up(t.Context()); err != nil {
		t.Fatalf("starting the stack: %v\n%s", err, r.out)
	}
}

// open loads the settings as a command would.
func open(t *testing.T, root string, settings []string) *running {
	t.Helper()
	s, err := env.Load(env.Source{Root: root, Environ: append(world(), settings...)})
	require.NoError(t, err)
	out := &log{}
	st, err := stack.Open(t.Context(), s, strings.NewReader(""), out, out)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return &running{Stack: st, root: root, env: settings, out: out}
}

// world is what a command needs of the process environment.
func world() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		for _, ours := range []string{"ENV=", "PROJECT=", "HTTP_PORT=", "HTTPS_PORT=", "TLS", "DOMAIN=", "FORMAT=", "BACKEND_", "FRONTEND_", "DB_", "REDIS_"} {
			if strings.HasPrefix(kv, ours) {
				return true
			}
		}
		return false
	})
}

// checkout copies the checkout, readable by its owner alone: docker/compose 12362 and
// 13287 are reports of secrets and sources that a container's user could not read.
func checkout(t *testing.T) string {
	t.Helper()
	from, to := testkit.Root(t), t.TempDir()
	skip := []string{".git", "node_modules", "dist", ".drydock", ".secrets", "bin"}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir() && slices.Contains(skip, d.Name()):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case strings.HasPrefix(rel, ".env") && rel != ".env.example", !d.Type().IsRegular():
			return nil // a developer's own settings are not the test's
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode()&0o700)
	})
	require.NoError(t, err)
	require.NoError(t, os.Chmod(to, 0o700))
	return to
}

// containers are all of the stack's.
func (r *running) containers(t *testing.T) []engine.Container {
	t.Helper()
	list, err := r.Engine.Containers(t.Context(), engine.Filter{Labels: map[string]string{stack.LabelProject: r.Settings.Project}})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	for i, c := range list {
		list[i], err = r.Engine.Container(t.Context(), c.ID)
		require.NoError(t, err)
	}
	return list
}

// service is the one container of a service, or the first of several.
func (r *running) service(t *testing.T, name string) engine.Container {
	t.Helper()
	return r.services(t, name)[0]
}

// services are all containers of a service.
func (r *running) services(t *testing.T, name string) []engine.Container {
	t.Helper()
	list := slices.DeleteFunc(r.containers(t), func(c engine.Container) bool { return c.Service() != name })
	require.NotEmpty(t, list, "no container of %s", name)
	return list
}

// healthy waits for an event, not for a time.
func (r *running) healthy(t *testing.T, id string) {
	t.Helper()
	_, err := r.Engine.WaitHealthy(t.Context(), id)
	require.NoError(t, err)
}

// artifact is where something that a person may want to look at is kept.
func artifact(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(testkit.Root(t), ".drydock", "artifacts")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	return filepath.Join(dir, name)
}
