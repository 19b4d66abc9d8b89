package env

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// In dev the passwords are made on first use and stay the same from then on.
func TestSecretsAreMadeOnFirstUse(t *testing.T) {
	root := checkout(t, nil)
	look := source(root, "dev")
	look.ReadOnly = true
	s, err := Load(look)
	require.NoError(t, err)
	assert.Empty(t, s.Database.Password)
	assert.NoDirExists(t, filepath.Join(root, ".secrets"), "looking makes nothing")
	v, _ := s.Lookup("DB_PASSWORD")
	assert.Equal(t, Value{Key: "DB_PASSWORD", Group: "database", Origin: "made on first use: .secrets/dev/db_password", Secret: true}, v)

	s, err = Load(source(root, "dev"))
	require.NoError(t, err)
	assert.Regexp(t, `^[A-Za-z0-9]{32}$`, s.Database.Password.Reveal())
	assert.NotEqual(t, s.Database.Password, s.Redis.Password)
	assert.Empty(t, weakness(s.Database.Password.Reveal()))
	v, _ = s.Lookup("DB_PASSWORD")
	assert.Equal(t, [2]string{"****", ".secrets/dev/db_password"}, [2]string{v.Value, v.Origin})
	for name, mode := range map[string]fs.FileMode{".secrets": 0o700, ".secrets/dev": 0o700, ".secrets/dev/db_password": 0o600, ".secrets/dev/redis_password": 0o600} {
		info, err := os.Stat(filepath.Join(root, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
	files, err := os.ReadDir(filepath.Join(root, ".secrets/dev"))
	require.NoError(t, err)
	assert.Len(t, files, 3, "nothing is left beside them")

	again, err := Load(source(root, "dev"))
	require.NoError(t, err)
	assert.Equal(t, s.Database.Password, again.Database.Password)
}

func TestSecretsThatCannotBeMade(t *testing.T) {
	root := checkout(t, map[string]string{".secrets": "a file where the folder should be"})
	_, err := Load(source(root, "dev"))
	assert.ErrorContains(t, err, ".secrets/dev/db_password: DB_PASSWORD: ")
}

// Many at once, in this process and in others, agree on one password: the file
// is made under a lock and appears whole.
func TestSecretsMadeAtOnce(t *testing.T) {
	root := checkout(t, nil)
	const here, others = 8, 3
	got := make(chan string, here+others)
	var wg sync.WaitGroup
	for range here {
		wg.Go(func() {
			s, err := Load(source(root, "dev"))
			if assert.NoError(t, err) {
				got <- s.Database.Password.Reveal() + " " + s.Redis.Password.Reveal()
			}
		})
	}
	for range others {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestHelperLoad$")
			cmd.Env = []string{"HELPER_ROOT=" + root}
			out, err := cmd.Output()
			if assert.NoError(t, err) {
				line, _, _ := strings.Cut(string(out), "\n")
				got <- line
			}
		})
	}
	wg.Wait()
	close(got)
	seen := map[string]int{}
	for one := range got {
		seen[one]++
	}
	assert.Len(t, seen, 1, "%v", seen)
}

// TestHelperLoad is the process of the test above.
func TestHelperLoad(t *testing.T) {
	root := os.Getenv("HELPER_ROOT")
	if root == "" {
		return
	}
	s, err := Load(source(root, "dev"))
	require.NoError(t, err)
	fmt.Println(s.Database.Password.Reveal() + " " + s.Redis.Password.Reveal())
}

// In prod a missing password is an error that names the way out, and the way
// works.
func TestSecretsInProd(t *testing.T) {
	root := checkout(t, nil)
	_, err := Load(source(root, "prod"))
	assert.ErrorContains(t, err, "DB_PASSWORD: the secret is missing; make one with `ENV=prod go tool mage env:secrets`")
	assert.ErrorContains(t, err, "REDIS_PASSWORD: the secret is missing")
	assert.NoDirExists(t, filepath.Join(root, ".secrets"))

	var out bytes.Buffer
	require.NoError(t, GenerateMissing(&out, source(root, "prod")))
	assert.Equal(t, ".secrets/prod/db_password\n.secrets/prod/redis_password\n.secrets/prod/backup_key\n", out.String())
	s, err := Load(source(root, "prod"))
	require.NoError(t, err)
	assert.Len(t, s.Database.Password.Reveal(), secretLength)

	out.Reset()
	require.NoError(t, GenerateMissing(&out, source(root, "prod")))
	assert.Equal(t, "nothing to make: environment prod has all its secrets\n", out.String())

	require.NoError(t, os.Chmod(filepath.Join(root, ".secrets/prod/db_password"), 0o644))
	_, err = Load(source(root, "prod"))
	assert.ErrorContains(t, err, ".secrets/prod/db_password: DB_PASSWORD: other users of this machine can read the file (mode -rw-r--r--); run: chmod 600 .secrets/prod/db_password")
}

// What is given is not made; what is given wrongly is not covered up.
func TestGenerateMissingLeavesWhatIsThere(t *testing.T) {
	root := checkout(t, nil)
	var out bytes.Buffer
	require.NoError(t, GenerateMissing(&out, source(root, "prod", "DB_PASSWORD="+strong)))
	assert.Equal(t, ".secrets/prod/redis_password\n.secrets/prod/backup_key\n", out.String())
	err := GenerateMissing(&out, source(root, "prod", "DB_PASSWORD_FILE=/nowhere"))
	assert.ErrorContains(t, err, "DB_PASSWORD is set by process environment but cannot be used; run `ENV=prod go tool mage env:check`")
	err = GenerateMissing(&out, source(root, "nowhere"))
	assert.ErrorContains(t, err, "there is no environment")
}

// The file of a secret: one line break at its end is not a part of it.
func TestSecretFiles(t *testing.T) {
	for text, want := range map[string]string{
		"pass__$85858#'x": "pass__$85858#'x", "a b\n": "a b", "a\r\n": "a", " a ": " a ", `"a"`: `"a"`,
	} {
		root := checkout(t, map[string]string{"keys/db": text, ".env.dev.local": "DB_PASSWORD_FILE=keys/db\n"})
		s, err := Load(source(root, "dev", "DB_PASSWORD="))
		require.NoError(t, err)
		assert.Equal(t, want, s.Database.Password.Reveal())
		v, _ := s.Lookup("DB_PASSWORD")
		assert.Equal(t, ".env.dev.local:1 (file keys/db)", v.Origin)

		s, err = Load(source(root, "dev", "DB_PASSWORD_FILE="+filepath.Join(root, "keys/db")))
		require.NoError(t, err)
		assert.Equal(t, want, s.Database.Password.Reveal())
	}
	// The value of a higher layer wins over the file of a lower one.
	root := checkout(t, map[string]string{"env/dev.env": "PROJECT=drydock-dev\nDB_PASSWORD_FILE=nowhere\n"})
	s, err := Load(source(root, "dev", "DB_PASSWORD=x"))
	require.NoError(t, err)
	assert.Equal(t, "x", s.Database.Password.Reveal())
}

// A user's own variables and secrets, from every place.
func TestUserKeys(t *testing.T) {
	pem := "-----BEGIN PRIVATE KEY-----\nMIIE==\n-----END PRIVATE KEY-----"
	root := checkout(t, map[string]string{
		"env/dev.env":                           "PROJECT=drydock-dev\nBACKEND_ENV_GREETING=hello $world\nFRONTEND_ENV_title='a b'\nBACKEND_SECRET_STORED=\n",
		".env":                                  "BACKEND_SECRET_PEM=\"" + pem + "\"\nBACKEND_ENV_GREETING='over'\n",
		"keys/api":                              "from a file\n",
		".secrets/dev/backend_secret_stored":    "stored",
		".secrets/dev/frontend_secret_found":    "found",
		".secrets/dev/BACKEND_SECRET_IGNORED":   "x",
		".secrets/dev/.backend_secret_x-123456": "left over",
	})
	s, err := Load(source(root, "dev", "BACKEND_SECRET_API_KEY_FILE=keys/api", "BACKEND_ENV_EMPTY="))
	require.NoError(t, err)
	assert.Equal(t, []string{"EMPTY=", "GREETING=over"}, s.Backend.Environ())
	assert.Equal(t, []string{"title=a b"}, s.Frontend.Environ())
	files, environ := s.Backend.SecretFiles()
	assert.Equal(t, map[string]Secret{"api_key": "from a file", "pem": Secret(pem), "stored": "stored"}, files)
	assert.Equal(t, []string{"API_KEY_FILE=/run/secrets/api_key", "PEM_FILE=/run/secrets/pem", "STORED_FILE=/run/secrets/stored"}, environ)
	files, _ = s.Frontend.SecretFiles()
	assert.Equal(t, map[string]Secret{"found": "found"}, files)

	_, err = Load(source(root, "dev", "BACKEND_ENV_PEM_FILE=/x"))
	assert.ErrorContains(t, err, "BACKEND_ENV_PEM_FILE is set, too")
}

// What compose and other children get: resolved values, no secret.
func TestEnviron(t *testing.T) {
	root := checkout(t, nil)
	s, err := Load(source(root, "dev", "PATH=/bin", "HOME=/root", "DB_PASSWORD="+canary, "BACKEND_SECRET_X="+canary, "REDIS_PASSWORD_FILE=go.mod",
		"BACKEND_ENV_X=1", "HTTP_PORT=81", "DOCKER_HOST=ssh://x", "ENV=dev", "GOPROXY=off", "EMPTY=", "FORMAT=json"))
	require.NoError(t, err)
	assert.Equal(t, []string{"DOCKER_HOST=ssh://x", "EMPTY=", "GOPROXY=off", "HOME=/root", "PATH=/bin"}, s.Inherited())
	environ := s.Environ()
	assert.Contains(t, environ, "HTTP_PORT=81")
	assert.Contains(t, environ, "ENV=dev")
	assert.Contains(t, environ, "BACKEND_IMAGE=")
	for _, pair := range environ {
		assert.NotRegexp(t, "PASSWORD|SECRET|FORMAT|BACKEND_ENV|"+canary, pair)
	}
	assert.Nil(t, (&Settings{}).Environ())
	assert.Nil(t, (&Settings{}).Inherited())
	assert.Nil(t, (&Settings{}).Explain())
}
