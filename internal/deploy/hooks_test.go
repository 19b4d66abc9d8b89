package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

const token = "T0KEN-of-the-webhook"

func hooked(t *testing.T, more ...string) (*work, *bytes.Buffer) {
	t.Helper()
	environ := append([]string{"HOME=/nowhere", "PATH=" + os.Getenv("PATH"), "PROJECT=shop", "DB_PASSWORD=hidden-db-password-1", "BACKEND_SECRET_KEY=hidden-key-of-the-user"}, more...)
	s, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", ReadOnly: true, Environ: environ})
	require.NoError(t, err)
	var said bytes.Buffer
	w := &work{d: &Deployer{Stack: &stack.Stack{Settings: s, Out: io.Discard, Err: &said}}, kind: KindDeploy,
		release: Release{ID: "id-1", Version: "v1", Revision: "abc"}}
	w.journal = Journal{Kind: KindDeploy, Release: w.release, From: Release{Version: "v0"}, By: "ann", Host: "ci", Started: time.Now()}
	return w, &said
}

func TestHooks(t *testing.T) {
	w, said := hooked(t, `PRE_DEPLOY=sh -c 'env; exit 7'`, `POST_DEPLOY=sh -c 'echo "ended: $DEPLOY_OUTCOME $1"; exit 1' sh 'a $b'`)
	err := w.preHook(t.Context())
	assert.ErrorContains(t, err, "PRE_DEPLOY")
	assert.ErrorContains(t, err, "exit code 7")
	for _, want := range []string{"DEPLOY_ID=id-1", "DEPLOY_VERSION=v1", "DEPLOY_REVISION=abc", "DEPLOY_ENV=dev"} {
		assert.Contains(t, said.String(), want)
	}
	assert.NotContains(t, said.String(), "hidden")
	w.postHook(t.Context(), Returned)
	assert.Contains(t, said.String(), "ended: returned a $b", "words arrive as they are")
}

func TestWebhook(t *testing.T) {
	var got []Message
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m Message
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&m))
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		got = append(got, m)
		w.WriteHeader(status)
	}))
	defer server.Close()
	w, said := hooked(t, "DEPLOY_WEBHOOK="+server.URL+"/"+token)
	for _, o := range []Outcome{started, Live, Failed, Returned, Undone, Interrupted, Finished, Stuck} {
		var cause error
		if o == Failed {
			cause = errors.New("it wrote <hidden-key-of-the-user> & ended\nmore")
		}
		w.notify(t.Context(), o, cause)
	}
	require.Len(t, got, 8)
	assert.Equal(t, "shop (dev): deploy of v1 began, by ann", got[0].Text)
	assert.Regexp(t, `FAILED.*, by ann: it wrote &lt;.*&gt; &amp; ended$`, got[2].Text)
	assert.Contains(t, got[2].Error, "more")
	assert.Equal(t, "v0", got[1].From)
	for _, m := range got {
		data, err := json.Marshal(m)
		require.NoError(t, err)
		assert.NotContains(t, string(data), "hidden")
		assert.False(t, strings.Contains(m.Text, "%!"), m.Text)
	}
	assert.Empty(t, said.String())

	// What goes wrong is told, without the token.
	status = http.StatusForbidden
	w.notify(t.Context(), Live, nil)
	assert.Contains(t, said.String(), "403")
	server.Close()
	w.notify(t.Context(), Live, nil)
	assert.Contains(t, said.String(), "refused")
	w, more := hooked(t, "DEPLOY_WEBHOOK=:"+token)
	w.notify(t.Context(), Live, nil)
	assert.NotContains(t, said.String()+more.String(), token)
}
