//go:build integration

package acme

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const killed = "DRYDOCK_TEST_ACME_CHILD"

// child is what the process that is killed needs to know.
type child struct {
	Directory, CA, Store, Challenges string
	Domains                          []string
	Ahead                            time.Duration // its clock
	At                               int           // the request at which it dies
}

// A process that dies at any request, with no chance to clean up, leaves a whole pair; the
// next one needs no help, and the account is still one.
func TestKilledAtEachRequest(t *testing.T) {
	p := startPebble(t)
	m, _, first := p.obtained(t)
	account, err := os.ReadFile(filepath.Join(accountDir(m.o.Store, p.Directory()), "account.json"))
	require.NoError(t, err)
	deaths := 0
	for at := 1; ; at++ {
		require.Less(t, at, 60)
		c, err := json.Marshal(child{
			Directory: m.o.Directory, CA: p.CAFile, Store: m.o.Store,
			Challenges: m.o.Challenges, Domains: m.o.Domains, Ahead: 70 * daily, At: at,
		})
		require.NoError(t, err)
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnsureAndDie$")
		cmd.Env = append(os.Environ(), killed+"="+string(c))
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		require.True(t, ok && status.Signaled() && status.Signal() == syscall.SIGKILL, "%s", out)
		deaths++
		assert.Equal(t, first, whole(t, m), "request %d", at)
	}
	assert.Greater(t, deaths, 8)
	assert.NotEqual(t, first.Info.Serial, whole(t, m).Info.Serial)
	noTokens(t, p)
	again, err := os.ReadFile(filepath.Join(accountDir(m.o.Store, p.Directory()), "account.json"))
	require.NoError(t, err)
	assert.Equal(t, string(account), string(again))
}

// TestEnsureAndDie is the process that is killed.
func TestEnsureAndDie(t *testing.T) {
	text := os.Getenv(killed)
	if text == "" {
		return
	}
	var c child
	require.NoError(t, json.Unmarshal([]byte(text), &c))
	ca, err := os.ReadFile(c.CA)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	m, err := New(Options{
		Directory: c.Directory, RootCAs: roots, Store: c.Store, Challenges: c.Challenges, Domains: c.Domains,
		AcceptTerms: true, Now: func() time.Time { return time.Now().Add(c.Ahead) },
	})
	require.NoError(t, err)
	n := 0
	m.trace = func(*http.Request) {
		if n++; n == c.At {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	changed, err := m.Ensure(context.Background())
	require.NoError(t, err)
	require.True(t, changed)
}
