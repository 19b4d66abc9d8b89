package env

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

const strong = "correct-horse-battery-9"

// Each layer wins over the ones below it.
func TestPrecedence(t *testing.T) {
	files := map[string]string{
		".env.dev.local": "LOG_LEVEL=warn\nDB_NAME=local\nDB_USER=local\nDB_MEMORY=400m\n",
		".env":           "LOG_LEVEL=info\nDB_NAME=all\nDB_USER=all\nREDIS_MEMORY=300m\n",
		"env/dev.env":    "LOG_LEVEL=debug\nDB_NAME=team\nDB_USER=team\nREDIS_MEMORY=200m\nIMAGE_KEEP=7\nPROJECT=drydock-dev\n",
	}
	root := checkout(t, files)
	s, err := Load(source(root, "", "LOG_LEVEL=error", "UNRELATED=1"))
	require.NoError(t, err)
	for key, want := range map[string][2]string{
		"LOG_LEVEL":    {"error", "process environment"},
		"DB_NAME":      {"local", ".env.dev.local:2"},
		"REDIS_MEMORY": {"300m", ".env:4"},
		"IMAGE_KEEP":   {"7", "env/dev.env:5"},
		"LOG_MAX_SIZE": {"10m", "default"},
	} {
		v, ok := s.Lookup(key)
		require.True(t, ok, key)
		assert.Equal(t, want, [2]string{v.Value, v.Origin}, key)
	}
	assert.Equal(t, "error", s.Logs.Level)
	assert.Equal(t, "local", s.Database.Name)
	assert.Equal(t, 7, s.Image.Keep)
	assert.Equal(t, []string{"migrate", "up"}, s.Backend.Migrate)
	assert.Equal(t, 30*time.Second, s.Backend.Grace)
}

// An empty value is a value; for secrets and options it is none.
func TestEmptyValues(t *testing.T) {
	root := checkout(t, map[string]string{
		"env/dev.env":                 "PROJECT=drydock-dev\nBACKEND_MIGRATE=migrate up\nVERSION=v1\nDB_PASSWORD=\n",
		".env":                        "BACKEND_MIGRATE=\nVERSION=\n",
		".secrets/dev/redis_password": "from the file\n",
	})
	s, err := Load(source(root, "", "REDIS_PASSWORD=", "FORMAT=", "YES=", "TAIL="))
	require.NoError(t, err)
	assert.Empty(t, s.Backend.Migrate)
	assert.Empty(t, s.Image.Version)
	assert.Equal(t, "from the file", s.Redis.Password.Reveal())
	assert.Len(t, s.Database.Password.Reveal(), secretLength)
	assert.Equal(t, "text", s.Options.Format)
	assert.Equal(t, -1, s.Options.Tail)

	_, err = Load(source(root, "", "HTTP_PORT="))
	assert.ErrorContains(t, err, "process environment: HTTP_PORT: the value is empty; write a whole number from 1 to 65535")
}

func TestEnvironmentAndMode(t *testing.T) {
	root := checkout(t, map[string]string{
		"env/staging.env":                 "MODE=prod\nPROJECT=drydock-staging\n",
		"env/demo.env":                    "PROJECT=drydock-demo\n",
		"env/README.txt":                  "no environment\n",
		".secrets/staging/db_password":    strong,
		".secrets/staging/redis_password": strong,
	})
	for _, c := range []struct {
		env  string
		mode Mode
	}{{"", Dev}, {"dev", Dev}, {"prod", Prod}, {"staging", Prod}, {"demo", Prod}} {
		r := resolve(source(root, "", "ENV="+c.env))
		assert.Equal(t, c.mode, r.settings.Mode, c.env)
	}
	s, err := Load(source(root, "staging"))
	require.NoError(t, err)
	assert.Equal(t, "drydock-staging", s.Project)

	for _, name := range []string{"prd", "../dev", "Dev", "/root/.shrc", "README"} {
		_, err := Load(source(root, "", "ENV="+name))
		assert.ErrorContains(t, err, "process environment: ENV: there is no environment")
		assert.ErrorContains(t, err, "choose one of demo, dev, prod, staging")
	}
	_, err = Load(source(t.TempDir(), "dev"))
	assert.ErrorContains(t, err, "restore env/dev.env")
}

func TestTypes(t *testing.T) {
	root := checkout(t, nil)
	for _, c := range []struct{ key, value, problem string }{
		{"PROJECT", "Drydock", "is not a name"},
		{"PROJECT", "-x", "is not a name"},
		{"PROJECT", strings.Repeat("a", 41), "is not a name"},
		{"HTTP_PORT", "0", "is not a port"},
		{"HTTP_PORT", "65536", "is not a port"},
		{"HTTP_PORT", "080", "is not a port"},
		{"HTTP_PORT", "80a", `"80a" is not a port; write a whole number from 1 to 65535; without the line it is 8080`},
		{"HTTP_BIND", "localhost", "is not an IP address"},
		{"HTTP_BIND", "::", ""},
		{"BACKEND_REPLICAS", "0", "is not a whole number in range"},
		{"BACKEND_MEMORY", "256", "is not a memory size"},
		{"BACKEND_MEMORY", "1m", "is not a memory size"},
		{"BACKEND_MEMORY", "256 MB", "is not a memory size"},
		{"BACKEND_MEMORY", "1G", ""},
		{"BACKEND_GRACE", "30", "is not a duration"},
		{"BACKEND_GRACE", "2h", "is not a duration"},
		{"BACKEND_GRACE", "1m30s", ""},
		{"BACKEND_MIGRATE", "migrate 'up", "has a ' that is not closed"},
		{"BACKEND_HEALTH_PATH", "readyz", "is not a URL path"},
		{"BACKEND_HEALTH_PATH", "/a b", "is not a URL path"},
		{"BACKEND_IMAGE", "Backend:1", "is no image reference"},
		{"BACKEND_IMAGE", "registry.local:5000/team/backend:v1@sha256:" + strings.Repeat("0", 64), ""},
		{"BACKEND_CONTEXT", "apps/nowhere", "cannot be read (no such file or directory)"},
		{"BACKEND_CONTEXT", "docker/backend/Dockerfile", "is a file, not a folder"},
		{"BACKEND_DOCKERFILE", "docker", "is a folder, not a file"},
		{"DB_NAME", "my \"db\"", ""},
		{"DB_NAME", "template1", "is not a PostgreSQL name"},
		{"DB_USER", "pg_me", "is not a PostgreSQL name"},
		{"DB_PORT", "8080", "8080 is the port of HTTP_PORT, too"},
		{"REDIS_MAXMEMORY", "1g", "is not less than REDIS_MEMORY"},
		{"BODY_LIMIT", "10mb", "is not an nginx size"},
		{"BODY_LIMIT", "0", ""},
		{"HEADER_LIMIT", "1023", "is not an nginx size in range"},
		{"HEADER_LIMIT", "65k", "is not an nginx size in range"},
		{"HEADER_LIMIT", "0", "is not an nginx size in range"},
		{"HEADER_LIMIT", "64k", ""},
		{"LOG_LEVEL", "verbose", "is not one of the choices; write debug, info, warn, error"},
		{"LOG_MAX_SIZE", "0m", "is not a log size"},
		{"IMAGE_PREFIX", "Drydock", "is not an image path"},
		{"IMAGE_PREFIX", "a:b", "is not an image path"},
		{"IMAGE_PREFIX", "registry.local:5000/team", ""},
		{"VERSION", "v1/2", "is not an image tag"},
		{"DEBIAN_MIRROR", "ftp://x/debian", "is not a URL"},
		{"DEBIAN_CHECK_VALID_UNTIL", "maybe", "is not a yes or no"},
		{"HTTP_PROXY", "proxy:3128", ""},
		{"HTTP_PROXY", "gopher://proxy:3128", "is not a proxy"},
		{"EXTRA_CA", "nowhere.pem", "cannot be read (no such file or directory)"},
		{"EXTRA_CA", "apps", "is a folder, not a file"},
		{"DB_PASSWORD", "a\nb", "has a line break"},
		{"FORMAT", "yaml", "is not one of the choices; write text, json"},
		{"TAIL", "-5", "is not a number of lines"},
		{"SINCE", "yesterday", "is not a point in time"},
		{"SINCE", "2026-01-02T15:04:05Z", ""},
		{"BACKEND_ENV_X", "caf\xe9", "is not UTF-8"},
		{"DB_NAME", "caf\xe9", "is not UTF-8"},
		{"BACKEND_ENV_PORT", "1", "set BACKEND_PORT"},
		{"BACKEND_ENV_DB_HOST", "x", "choose another name"},
		{"BACKEND_SECRET_DATABASE_URL", "x", "have a file of this name already"},
	} {
		src := source(root, "dev", c.key+"="+c.value)
		src.ReadOnly = c.problem == ""
		_, err := Load(src)
		if c.problem == "" {
			assert.NoError(t, err, c.key)
			continue
		}
		if assert.ErrorContains(t, err, c.problem, "%s=%s", c.key, c.value) {
			assert.ErrorContains(t, err, "process environment: "+c.key+": ")
			var p *Problems
			require.ErrorAs(t, err, &p)
			assert.Len(t, p.List, 1, err)
		}
		assert.NoDirExists(t, filepath.Join(root, ".secrets"), "wrong settings make nothing")
	}
}

// A ready image takes the place of a source.
func TestReadyImageNeedsNoSource(t *testing.T) {
	root := checkout(t, nil)
	require.NoError(t, os.RemoveAll(filepath.Join(root, "apps")))
	_, err := Load(source(root, "dev", "BACKEND_IMAGE=me/b:1", "FRONTEND_IMAGE=me/f:1"))
	require.NoError(t, err)
}

func TestOptions(t *testing.T) {
	s, err := Load(source(checkout(t, nil), "dev", "FORMAT=json", "YES=1", "SERVICE=db, redis", "TAIL=20", "SINCE=10m", "DOCKER_HOST=ssh://me@host", "CI=false", "STATUS=5xx"))
	require.NoError(t, err)
	assert.Equal(t, Options{Format: "json", Yes: true, Service: []string{"db", "redis"}, Tail: 20, Since: "10m", Status: StatusRange{500, 599}, Host: "ssh://me@host"}, s.Options)
	s, err = Load(source(checkout(t, nil), "dev", "CI=woodpecker"))
	require.NoError(t, err)
	assert.True(t, s.Options.Plain)
}

// Each archive in testdata/problems is a checkout; what Load says about it is
// the section `problems` (written with -update).
func TestProblems(t *testing.T) {
	archives, err := filepath.Glob("testdata/problems/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			require.NoError(t, err)
			files := map[string]string{}
			src := source("", "")
			var want *txtar.File
			for i, f := range ar.Files {
				switch f.Name {
				case "environ":
					src.Environ = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
				case "problems":
					want = &ar.Files[i]
				default:
					files[f.Name] = string(f.Data)
				}
			}
			src.Root = checkout(t, files)
			_, err = Load(src)
			got := "none\n"
			if err != nil {
				got = err.Error() + "\n"
			}
			if *update {
				if want == nil {
					ar.Files = append(ar.Files, txtar.File{Name: "problems"})
					want = &ar.Files[len(ar.Files)-1]
				}
				want.Data = []byte(got)
				require.NoError(t, os.WriteFile(file, txtar.Format(ar), 0o644))
			}
			require.NotNil(t, want, "write it with -update")
			assert.Equal(t, string(want.Data), got)
			assert.NotRegexp(t, "canary|telltale", got)
		})
	}
}

// What env:show says is what a process gets, byte for byte (docker/compose 9661,
// coolify 1821).
func TestShownValueIsTheProcesss(t *testing.T) {
	values := []string{
		`pass__$85858#'x`, `$`, `$$`, `${X}`, `"`, `'`, `'"`, `a=b`, ` a `, "a\tb", `\n`, `\`, "a\nb\n", "a\r\nb", "密码é", "\ufeff", "", "#", "a #b", "%s%d", "`id`", "*",
	}
	var file strings.Builder
	for i, value := range values {
		fmt.Fprintf(&file, "BACKEND_ENV_V%d=%s\n", i, Quote(value))
	}
	root := checkout(t, map[string]string{".env": file.String()})
	s, err := Load(source(root, "dev"))
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperPrintEnviron$")
	cmd.Env = append(s.Backend.Environ(), "HELPER=1")
	got, err := cmd.Output()
	require.NoError(t, err)
	process := Source{Environ: strings.Split(string(got), "\x00")}.process()

	var out strings.Builder
	require.NoError(t, Show(&out, source(root, "dev", "FORMAT=json")))
	var shown struct{ Settings []Value }
	require.NoError(t, json.Unmarshal([]byte(out.String()), &shown))
	said := map[string]string{}
	for _, v := range shown.Settings {
		said[v.Key] = v.Value
	}
	for i, value := range values {
		name := fmt.Sprintf("V%d", i)
		assert.Contains(t, process, name)
		assert.Equal(t, value, process[name])
		assert.Contains(t, said, "BACKEND_ENV_"+name)
		assert.Equal(t, value, said["BACKEND_ENV_"+name])
	}
}

// TestHelperPrintEnviron is the process of the test above.
func TestHelperPrintEnviron(t *testing.T) {
	if os.Getenv("HELPER") != "1" {
		return
	}
	_, err := os.Stdout.WriteString(strings.Join(os.Environ(), "\x00") + "\x00")
	require.NoError(t, err)
}

func TestFindRoot(t *testing.T) {
	root := checkout(t, nil)
	for _, dir := range []string{"", "apps/backend", "docker/backend"} {
		got, err := FindRoot(filepath.Join(root, dir))
		require.NoError(t, err, "a module of another name below is passed by")
		assert.Equal(t, root, got)
	}
	_, err := FindRoot(t.TempDir())
	assert.ErrorContains(t, err, "run this inside the checkout")
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"HTPP_PORT": "HTTP_PORT", "http_port": "HTTP_PORT", "DB-NAME": "DB_NAME", "DB_PASWORD": "DB_PASSWORD", "DB_PASSWORD_FIEL": "DB_PASSWORD_FILE",
		"BACKEND_REPLICA": "BACKEND_REPLICAS", "COMPLETELY_ELSE": "", "X": "",
	} {
		assert.Equal(t, want, nearest(name, knownKeys()), name)
	}
}

// Another environment's project name is looked for where that environment would find it, and
// one name for both is refused from both sides.
func TestProjectNameOfAnotherEnvironment(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   map[string]string
		environ []string
		refused map[string]string // by environment: a part of the problem
	}{
		{name: "two names"},
		{name: "a name for all", files: map[string]string{".env": "PROJECT=shop\n"}, refused: map[string]string{
			"dev":  `.env:1: PROJECT: "shop" is the name of environment prod, too (.env:1), since .env counts for all of them; move the line to .env.dev.local, or to .env.prod.local if`,
			"prod": `.env:1: PROJECT: "shop" is the name of environment dev, too (.env:1), since .env counts for all of them; move the line to .env.prod.local, or to .env.dev.local if`}},
		{name: "a name for all but one", files: map[string]string{".env": "PROJECT=shop\n", ".env.prod.local": "PROJECT=shop-prod\n"}},
		{name: "the name that .env gives the other", files: map[string]string{".env": "PROJECT=shop\n", ".env.prod.local": "PROJECT=shop\n"}, refused: map[string]string{
			"dev":  `.env:1: PROJECT: "shop" is the name of environment prod, too (.env.prod.local:1); write another name into .env.dev.local: two`,
			"prod": `.env.prod.local:1: PROJECT: "shop" is the name of environment dev, too (.env:1); choose another name in .env.prod.local`}},
		{name: "a name that .env hides", files: map[string]string{".env": "PROJECT=shop\n", ".env.dev.local": "PROJECT=drydock\n"}},
		{name: "a file without a name has the default", files: map[string]string{"env/staging.env": "MODE=prod\n"}, refused: map[string]string{
			"prod":    `env/prod.env:1: PROJECT: "drydock" is the name of environment staging, too (default); choose another name in env/prod.env`,
			"staging": `default: PROJECT: "drydock" is the name of environment prod, too (env/prod.env:1); choose another name in env/staging.env`}},
		{name: "said with the command", environ: []string{"PROJECT=drydock-scratch"}},
		{name: "said with the command, and for all", files: map[string]string{".env": "PROJECT=shop\n"}, environ: []string{"PROJECT=shop"}},
		{name: "said with the command, the other's", environ: []string{"PROJECT=drydock"}, refused: map[string]string{
			"dev": `process environment: PROJECT: "drydock" is the name of environment prod, too (env/prod.env:1); give another name with the command`}},
		{name: "a name of what a drill makes and removes", files: map[string]string{"env/prod.env": "PROJECT=shop-drill\n"}, refused: map[string]string{
			"prod": `env/prod.env:1: PROJECT: "shop-drill" ends in -drill; choose another ending: a deploy or a drill of the project "shop"`}},
		{name: "on another machine", files: map[string]string{".env": "PROJECT=shop\n"}, environ: []string{"DOCKER_HOST=ssh://deploy@server"}},
		{name: "on another socket of this machine", files: map[string]string{".env": "PROJECT=shop\n"}, environ: []string{"DOCKER_HOST=unix:///run/user/1000/docker.sock"}, refused: map[string]string{
			"dev": "since .env counts", "prod": "since .env counts"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := checkout(t, c.files)
			names, err := Environments(root)
			require.NoError(t, err)
			for _, name := range names {
				src := source(root, name, c.environ...)
				src.Secretless, src.ReadOnly = true, true
				_, err := Load(src)
				if want := c.refused[name]; want != "" {
					assert.ErrorContains(t, err, want, name)
				} else {
					assert.NoError(t, err, name)
				}
			}
		})
	}

	root := checkout(t, map[string]string{".env": "PROJECT=shop\n"})
	require.NoError(t, os.Remove(filepath.Join(root, "env/prod.env")))
	_, err := Load(source(root, "dev"))
	assert.NoError(t, err, "the only environment")
}

// A CI system passes a secret that it does not have as an empty variable: the workflows pass all.
func TestTheWorkflowsPassEverySecretAndAnAbsentOneIsNone(t *testing.T) {
	root := checkout(t, map[string]string{".secrets/prod/backup_webhook": "https://example.com/hook\n"})
	environ := []string{"DB_PASSWORD=Kp8-qv2_Zx41$mWs", "REDIS_PASSWORD=Rr9-kw7_Yt55ppLd"}
	for _, k := range schema() {
		if !k.Secret {
			continue
		}
		for _, file := range []string{"deploy.yml", "restore-drill.yml"} {
			text, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", file))
			require.NoError(t, err)
			assert.Contains(t, string(text), " "+k.Name+": ${{ secrets."+k.Name+" }}\n", "%s does not pass it", file)
		}
		if k.Name != "DB_PASSWORD" && k.Name != "REDIS_PASSWORD" {
			environ = append(environ, k.Name+"=")
		}
	}
	s, err := Load(source(root, "prod", environ...))
	require.NoError(t, err)
	assert.Empty(t, s.Backup.Physical.Key.Reveal())
	assert.Equal(t, "https://example.com/hook", s.Backup.Webhook.Reveal(), "what the machine has counts")
}
