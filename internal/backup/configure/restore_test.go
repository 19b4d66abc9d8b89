package configure

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/configarchive"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// saved is an archive as Backup makes it, of a machine that added settings and secrets.
func saved(t *testing.T) (archive, secret string, signer configarchive.PublicKey) {
	t.Helper()
	dir := t.TempDir()
	key, _, err := configarchive.LoadKey(filepath.Join(dir, "signer"))
	require.NoError(t, err)
	secret, public, err := configarchive.GenerateIdentity()
	require.NoError(t, err)
	to, err := configarchive.ParseRecipients(public)
	require.NoError(t, err)
	file := func(path, text string) configarchive.File { return configarchive.File{Path: path, Data: []byte(text)} }
	var b bytes.Buffer
	_, err = configarchive.Write(t.Context(), &b, configarchive.Input{
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Project: "shop", Env: "prod", Host: "lost",
		Files: []configarchive.File{
			file("checkout/go.mod", "module drydock\n"), file("checkout/env/prod.env", "MODE=prod\nPROJECT=drydock\nHTTP_PORT=80\nBACKEND_IMAGE=example.com/backend:1\nFRONTEND_IMAGE=example.com/frontend:1\n"),
			file("settings.env", string(dotenv([]string{"PROJECT=shop", "BACKEND_ENV_ODD=a$b 'c' #d"}))), file("settings.json", "[]"), file("deploys/history.jsonl", "{}\n"),
		},
		Secrets: []configarchive.File{
			file("values/db_password", `Kp8-qv2_Zx'41$mWs`), file("values/redis_password", "Rr9-kw7_Yt55ppLd-oq"), file("values/backend_secret_third_party", "k3y=${HOME}-Canary9E"),
			file("settings.env", string(dotenv([]string{"GOPROXY=https://me:pass-word-9@proxy.example.com"}))), file("signer.pem", "key of before"),
		},
	}, configarchive.WriteOptions{Key: key, Recipients: to})
	require.NoError(t, err)
	archive = filepath.Join(dir, "config.tar.zst")
	require.NoError(t, os.WriteFile(archive, b.Bytes(), 0o600))
	return archive, secret, key.Public()
}

// restoring is Restore with these options, on a machine that has nothing.
func restoring(t *testing.T, o env.Options, secret string) (string, error) {
	t.Helper()
	if secret != "" {
		o.AgeKey = filepath.Join(t.TempDir(), "key.txt")
		require.NoError(t, os.WriteFile(o.AgeKey, []byte(secret+"\n"), 0o600))
	}
	var out bytes.Buffer
	c := &Config{Stack: &stack.Stack{Settings: &env.Settings{Root: t.TempDir(), Env: "prod", Options: o}}, Out: &out, Err: &out}
	err := c.Restore(t.Context())
	return out.String(), err
}

func TestFromTheArchiveAndTheKeyAloneTheSettingsAreBack(t *testing.T) {
	archive, secret, signer := saved(t)
	into := filepath.Join(t.TempDir(), "site")
	text, err := restoring(t, env.Options{Archive: archive, Into: into, Signer: string(signer)}, secret)
	require.NoError(t, err)
	for _, want := range []string{"made on lost, 5 secrets", "signed by the key that SIGNER names", "cd " + into, "ENV=prod go tool mage up", "shop-repo and shop-backup", "ENV=prod AT=latest REPLACE=1 go tool mage backup:restore"} {
		assert.Contains(t, text, want)
	}
	s, err := env.Load(env.Source{Root: into, Env: "prod", ReadOnly: true})
	require.NoError(t, err)
	assert.Equal(t, "shop", s.Project, "what the machine had added")
	assert.Equal(t, 80, s.HTTP.Port, "what is committed")
	assert.Equal(t, "a$b 'c' #d", s.Backend.Env["ODD"])
	assert.Equal(t, `Kp8-qv2_Zx'41$mWs`, s.Database.Password.Reveal())
	assert.Equal(t, "k3y=${HOME}-Canary9E", s.Backend.Secrets["THIRD_PARTY"].Reveal())
	assert.Equal(t, "https://me:pass-word-9@proxy.example.com", s.Build.GoProxy, "with the password that it had")
	for _, name := range []string{".env.prod.local", ".secrets/prod/db_password", ".secrets/prod/config-signer.pem"} {
		info, err := os.Stat(filepath.Join(into, name))
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "%s is its owner's alone", name)
	}
	_, err = os.Stat(filepath.Join(into, ".drydock", "restored", "deploys", "history.jsonl"))
	assert.NoError(t, err)
}

// What the log's archive saved comes back only from a physical backup.
func TestTheNextCommandsLoseTheLeast(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []string
	}{
		"by default":                   {nil, []string{"volumes shop-repo and shop-backup", "ENV=prod AT=latest REPLACE=1 go tool mage backup:restore"}},
		"with S3":                      {[]string{"BACKUP_S3_ENDPOINT=s3.example.net", "BACKUP_S3_BUCKET=shop"}, []string{"ENV=prod REPOSITORY=s3 AT=latest REPLACE=1 go tool mage backup:restore"}},
		"dumps alone":                  {[]string{"BACKUP_PHYSICAL=false", "DB_NAME=orders"}, []string{"volume shop-backup", "ENV=prod DATABASE=orders REPLACE=1 go tool mage backup:restore"}},
		"dumps alone, with S3":         {[]string{"BACKUP_PHYSICAL=false", "BACKUP_S3_ENDPOINT=s3.example.net", "BACKUP_S3_BUCKET=shop"}, []string{"ENV=prod go tool mage backup:fetch", "ENV=prod DATABASE=app REPLACE=1 go tool mage backup:restore"}},
		"settings that cannot be read": {[]string{"BACKUP_PHYSICAL=perhaps"}, []string{"data-recovery.md"}},
	} {
		root := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(root, "env"), 0o700))
		text := strings.Join(append([]string{"PROJECT=shop", "BACKEND_IMAGE=example.com/backend:1", "FRONTEND_IMAGE=example.com/frontend:1"}, c.lines...), "\n")
		require.NoError(t, os.WriteFile(filepath.Join(root, "env", "prod.env"), []byte(text), 0o600))
		got := strings.Join(next(root, "prod"), "\n")
		for _, want := range c.want {
			assert.Contains(t, got, want, name)
		}
	}
}

func TestNothingIsThereWhenTheConfigurationCannotBeTrusted(t *testing.T) {
	archive, secret, _ := saved(t)
	whole, err := os.ReadFile(archive)
	require.NoError(t, err)
	flipped := filepath.Join(t.TempDir(), "flipped")
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	require.NoError(t, os.WriteFile(flipped, damaged, 0o600))
	cut := filepath.Join(t.TempDir(), "cut")
	require.NoError(t, os.WriteFile(cut, whole[:len(whole)-9], 0o600))
	other, _, err := configarchive.GenerateIdentity()
	require.NoError(t, err)
	_, _, stranger := saved(t)

	for name, c := range map[string]struct {
		o      env.Options
		secret string
		says   string
	}{
		"a wrong key":      {env.Options{Archive: archive}, other, "none of the keys"},
		"no key":           {env.Options{Archive: archive}, "", "AGE_KEY_FILE"},
		"another signer":   {env.Options{Archive: archive, Signer: string(stranger)}, secret, "another installation"},
		"a flipped byte":   {env.Options{Archive: flipped}, secret, ""},
		"an archive cut":   {env.Options{Archive: cut}, secret, "cut off"},
		"no archive":       {env.Options{Archive: archive + "x"}, secret, "no such file"},
		"a signer's typo":  {env.Options{Archive: archive, Signer: "ed25519:x"}, secret, "SIGNER"},
		"a key's nonsense": {env.Options{Archive: archive}, "nonsense", "AGE-SECRET-KEY"},
	} {
		parent := t.TempDir()
		c.o.Into = filepath.Join(parent, "site")
		_, err := restoring(t, c.o, c.secret)
		require.Error(t, err, name)
		assert.ErrorContains(t, err, c.says, name)
		left, err := os.ReadDir(parent)
		require.NoError(t, err)
		assert.Empty(t, left, name)
	}
	_, err = restoring(t, env.Options{Archive: archive, Into: t.TempDir()}, secret)
	assert.Equal(t, run.CodeBadInput, run.Code(err), "a folder that is there is not written into")
	assert.ErrorContains(t, err, "not there yet")
}

func TestAFolderThatIsNoRepositoryIsListedAsGitWould(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{".gitignore": "*.local\n/out/\n", ".env.prod.local": "DB_PASSWORD=x", "apps/main.go": "package main", "out/x": ""} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	list := func() []string {
		out, err := files(t.Context(), root, os.Environ())
		require.NoError(t, err)
		return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	}
	assert.ElementsMatch(t, []string{".gitignore", "apps/main.go"}, list())
	require.NoError(t, exec.Command("git", "-C", root, "init", "--quiet").Run())
	assert.ElementsMatch(t, []string{".gitignore", "apps/main.go"}, list(), "a repository")
}
