package env

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sample is a checkout whose outputs are compared with golden files.
func sample(t *testing.T) string {
	return checkout(t, map[string]string{
		"env/dev.env":                 "PROJECT=drydock-dev\nLOG_LEVEL=debug\n",
		"env/prod.env":                "PROJECT=drydock\nHTTP_BIND=0.0.0.0\nHTTP_PORT=80\nBACKEND_ENV_GREETING=hello\n",
		".env":                        `BACKEND_ENV_ODD="it's a $ \"quote\"\nand a line"` + "\nBACKEND_ENV_TAB='a\tb'\nBACKEND_ENV_ESC='a\x1b[31mb'\n",
		".env.prod.local":             "DB_PASSWORD=" + canary + "-long\n",
		".secrets/dev/db_password":    canary,
		".secrets/dev/redis_password": canary,
	})
}

func TestShow(t *testing.T) {
	root := sample(t)
	for _, env := range []string{"dev", "prod"} {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			err := Show(&out, source(root, env, "FORMAT="+format, "HTTP_PROXY=http://me:"+canary+"@proxy:3128", "TAIL=5"))
			if env == "dev" {
				require.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, "REDIS_PASSWORD")
			}
			golden(t, "show/"+env+"."+format, strings.ReplaceAll(out.String(), root, "/root/of/checkout"))
		}
	}
}

func TestCheck(t *testing.T) {
	root := sample(t)
	for _, env := range []string{"dev", "prod", "nowhere"} {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			err := Check(&out, source(root, env, "FORMAT="+format))
			assert.Equal(t, env == "dev", err == nil, err)
			golden(t, "check/"+env+"."+format, out.String())
		}
	}
}

// What looks like a setting and is none passes, and is told; other programs' names are not.
func TestCheckWarnsOfNearMisses(t *testing.T) {
	root := sample(t)
	environ := []string{"BACKEND_PROT=3", "FRONTEND_REPLICA=2", "DB_PASWORD=hidden", "BACKUP_KEEP_DIALY=1", "REDIS_MEMROY=1g",
		"BACKEND_PORT=8001", "BACKEND_ENV_PROT=3", "BACKEND_SECRET_KYE=x", "DB_PASSWORD_FILE=", "DB_HOST=x", "REDIS_HOST=x", "BACKEND_HOST=x", "FRONTEND_URL=x", "DB_CONNECTION=x", "HTTP_PROT=1", "PATH=/bin"}
	var out bytes.Buffer
	require.NoError(t, Check(&out, source(root, "dev", environ...)))
	golden(t, "check/near.text", out.String())
	out.Reset()
	require.NoError(t, Check(&out, source(root, "dev", append(environ, "FORMAT=json")...)))
	assert.Contains(t, out.String(), `"warnings": [
    {
      "where": "process environment",`)
	assert.NotContains(t, out.String(), "hidden")
	out.Reset()
	require.Error(t, Check(&out, source(root, "dev", "HTTP_PORT=0", "BACKEND_PROT=3")))
	assert.Equal(t, "warning: process environment: BACKEND_PROT: no setting, and nobody reads it; did you mean BACKEND_PORT?\n", out.String())
}

func TestDiff(t *testing.T) {
	root := sample(t)
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		require.NoError(t, Diff(&out, source(root, "", "FORMAT="+format, "ENV=nowhere"), "dev", "prod"))
		golden(t, "diff/dev_prod."+format, out.String())
		out.Reset()
		require.NoError(t, Diff(&out, source(root, "", "FORMAT="+format), "dev", "dev"))
		golden(t, "diff/dev_dev."+format, out.String())
	}
	err := Diff(&bytes.Buffer{}, source(root, ""), "dev", "nowhere")
	assert.ErrorContains(t, err, "choose one of dev, prod")
}

// Two secrets differ or not by their content, though both are shown as ****.
func TestDiffOfSecrets(t *testing.T) {
	root := checkout(t, map[string]string{
		".env":            "REDIS_PASSWORD=" + strong + "\n",
		".env.dev.local":  "DB_PASSWORD=" + strong + "-1\n",
		".env.prod.local": "DB_PASSWORD=" + strong + "-2\n",
	})
	var out bytes.Buffer
	require.NoError(t, Diff(&out, source(root, ""), "dev", "prod"))
	assert.Regexp(t, `(?m)^DB_PASSWORD +\*\*\*\* +\*\*\*\*$`, out.String())
	assert.NotContains(t, out.String(), "REDIS_PASSWORD")
}
