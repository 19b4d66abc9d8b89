package acme

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	legoacme "github.com/go-acme/lego/v5/acme"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/certs"
)

// clock is the real time, moved.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) move(d time.Duration)    { c.offset.Add(int64(d)) }
func (c *clock) options(o *Options)      { o.Now = c.now }
func quiet(o *Options)                   { o.Log = slog.New(slog.DiscardHandler) }
func domains(d ...string) func(*Options) { return func(o *Options) { o.Domains = d } }

// nobody is a directory where nobody listens: port 1 is taken by no one.
const nobody = "https://127.0.0.1:1/dir"

func manager(t *testing.T, change ...func(*Options)) *Manager {
	t.Helper()
	dir := t.TempDir()
	o := Options{
		Directory: nobody, Domains: []string{"shop.test"}, AcceptTerms: true,
		Store: filepath.Join(dir, "tls"), Challenges: filepath.Join(dir, "challenges"),
	}
	quiet(&o)
	for _, c := range change {
		c(&o)
	}
	m, err := New(o)
	require.NoError(t, err)
	m.timing = timing{tick: 5 * time.Millisecond, handMin: 10 * time.Millisecond, handMax: 40 * time.Millisecond}
	return m
}

func like(m *Manager) func(*Options) {
	return func(o *Options) { *o = m.o }
}

func TestPreparePutsAPlaceholderInPlace(t *testing.T) {
	m := manager(t)
	ready, err := m.Prepare(t.Context())
	require.NoError(t, err)
	assert.True(t, ready)
	first, err := m.Pair()
	require.NoError(t, err)
	assert.True(t, first.Info.Placeholder)
	assert.True(t, m.Status().Placeholder)
	assert.DirExists(t, m.o.Challenges)

	_, err = m.Prepare(t.Context())
	require.NoError(t, err)
	again, err := m.Pair()
	require.NoError(t, err)
	assert.Equal(t, first, again)

	// Other domains, an old one, a damaged one: each gets a new placeholder.
	for _, other := range []*Manager{
		manager(t, like(m), domains("other.test")),
		manager(t, like(m), domains("other.test"), func(o *Options) { o.Now = func() time.Time { return time.Now().Add(30 * daily) } }),
	} {
		before, err := m.Pair()
		require.NoError(t, err)
		_, err = other.Prepare(t.Context())
		require.NoError(t, err)
		after, err := m.Pair()
		require.NoError(t, err)
		assert.NotEqual(t, before.Info.Serial, after.Info.Serial)
		assert.Equal(t, []string{"other.test"}, after.Info.Names)
	}
	require.NoError(t, os.WriteFile(filepath.Join(m.o.Store, "current", "key.pem"), []byte("x"), 0o600))
	_, err = m.Prepare(t.Context())
	require.NoError(t, err)
	_, err = m.Pair()
	require.NoError(t, err)
}

// A volume that comes from a backup may hold an old certificate. Browsers say more about
// an expired one than about a placeholder, and it is replaced as soon as possible.
func TestPrepareKeepsAnExpiredCertificate(t *testing.T) {
	m := manager(t)
	long := time.Now().Add(-500 * daily)
	caPEM, caKey, err := certs.NewAuthority(long)
	require.NoError(t, err)
	ca, err := certs.LoadAuthority(caPEM, caKey)
	require.NoError(t, err)
	cert, key, err := ca.Issue(m.domains, nil, long)
	require.NoError(t, err)
	old, err := m.store.Publish(cert, key)
	require.NoError(t, err)
	ready, err := m.Prepare(t.Context())
	require.NoError(t, err)
	assert.True(t, ready)
	pair, err := m.Pair()
	require.NoError(t, err)
	assert.Equal(t, old, pair)
	assert.Contains(t, m.needed(pair), "expired on")
}

func TestPrepareWhereNothingCanBeWritten(t *testing.T) {
	m := manager(t)
	require.NoError(t, os.WriteFile(m.o.Store, nil, 0o600))
	ready, err := m.Prepare(t.Context())
	assert.False(t, ready)
	assert.ErrorContains(t, err, m.o.Store)
}

func TestNoServerThere(t *testing.T) {
	m := manager(t)
	_, err := m.Prepare(t.Context())
	require.NoError(t, err)
	changed, err := m.Ensure(t.Context())
	assert.False(t, changed)
	require.Error(t, err)
	for _, want := range []string{"shop.test", nobody, "connection refused", "that the ACME server runs", "browsers see a placeholder"} {
		assert.ErrorContains(t, err, want)
	}
	st := m.Status()
	assert.Equal(t, 1, st.Failures)
	assert.Equal(t, err.Error(), st.LastError)
	assert.WithinDuration(t, time.Now(), st.LastAttempt, time.Minute)

	_, err = m.Ensure(t.Context())
	require.Error(t, err)
	assert.Equal(t, 2, m.Status().Failures)
}

// Who looks while an attempt is under way is told of no failure that has not happened, nor
// that the one before it is over; a process that dies of it is told of by what it left.
func TestAnAttemptUnderWayHasNotFailed(t *testing.T) {
	var errors, left []string
	var m *Manager
	m = manager(t, func(o *Options) {
		o.Observe = func(s Status) {
			errors = append(errors, s.LastError)
			content, _ := os.ReadFile(m.statusFile())
			var kept Status
			if json.Unmarshal(content, &kept) == nil && kept.LastError == interrupted {
				left = append(left, kept.LastError)
			}
		}
	})
	_, err := m.Prepare(t.Context())
	require.NoError(t, err)
	for range 2 {
		_, err = m.Ensure(t.Context())
		require.Error(t, err)
	}
	assert.NotContains(t, errors, interrupted)
	assert.Equal(t, err.Error(), errors[len(errors)-1])
	assert.NotEmpty(t, left, "what a process that died of it would have left")
}

// A container that dies and is restarted for ever must not ask the authority each time
// (nginx-proxy/docker-gen 351: each restart ordered, until the limit was reached).
func TestARestartRemembersFailures(t *testing.T) {
	m := manager(t)
	for range 5 {
		_, err := m.Ensure(t.Context())
		require.Error(t, err)
	}
	again := manager(t, like(m))
	_, err := again.Prepare(t.Context())
	require.NoError(t, err)
	st := again.Status()
	assert.Equal(t, restartFailures, st.Failures, "who restarts wants to see it tried soon")
	assert.True(t, next(time.Now(), st, 0).After(time.Now().Add(time.Minute)))

	other := manager(t, like(m), domains("other.test"))
	_, err = other.Prepare(t.Context())
	require.NoError(t, err)
	assert.Zero(t, other.Status().Failures, "what others tried says nothing about these domains")

	require.NoError(t, os.WriteFile(m.statusFile(), []byte("{"), 0o600))
	damaged := manager(t, like(m))
	_, err = damaged.Prepare(t.Context())
	require.NoError(t, err)
	assert.Zero(t, damaged.Status().Failures)
}

func TestADamagedAccountIsNotReplaced(t *testing.T) {
	m := manager(t)
	_, err := m.Ensure(t.Context()) // makes the key
	require.Error(t, err)
	key := filepath.Join(accountDir(m.o.Store, nobody), "key.pem")
	info, err := os.Stat(key)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())

	require.NoError(t, os.WriteFile(key, []byte("rubbish"), 0o600))
	_, err = m.Ensure(t.Context())
	assert.ErrorContains(t, err, key+", is damaged: put it back from a backup, or remove")
	content, err := os.ReadFile(key)
	require.NoError(t, err)
	assert.Equal(t, "rubbish", string(content))

	require.NoError(t, os.Remove(key))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(key), "account.json"), []byte("{}"), 0o600))
	_, err = m.Ensure(t.Context())
	assert.ErrorContains(t, err, "is missing")
}

func TestEachDirectoryHasAnAccountOfItsOwn(t *testing.T) {
	a, b := accountDir("/s", "https://ca.test/dir"), accountDir("/s", "https://ca.test/staging")
	assert.NotEqual(t, a, b)
	assert.Equal(t, "/s/accounts", filepath.Dir(a))
	assert.Regexp(t, `^ca\.test-[0-9a-f]{8}$`, filepath.Base(a))
}

// A server must not choose where a file is written.
func TestTokensAreOnlyTokens(t *testing.T) {
	f := tokens{filepath.Join(t.TempDir(), "c")}
	require.NoError(t, f.clear())
	for _, bad := range []string{"", "../../../../etc/nginx/nginx.conf", "a/b", "short", strings.Repeat("a", 300), "aaaaaaaaaaaaaaaaaaaaaa\x00", ".aaaaaaaaaaaaaaaaaaaaaaaa"} {
		assert.ErrorContains(t, f.put(bad, "x"), "token that is none", bad)
	}
	token := "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
	require.NoError(t, f.put(token, "answer"))
	info, err := os.Stat(filepath.Join(f.dir, token))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o644), info.Mode())
	require.NoError(t, f.remove(token))
	require.NoError(t, f.remove(token), "it is gone already")

	require.NoError(t, f.put(token, "left by a kill"))
	require.NoError(t, f.clear())
	left, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Time{
		"":                              {},
		"nonsense":                      {},
		"-5":                            {},
		"120":                           noon.Add(2 * time.Minute),
		"99999999999999999":             noon.Add(maxHold),
		"Sat, 02 Mar 2030 12:00:00 GMT": noon.Add(daily),
		"Fri, 01 Mar 2019 12:00:00 GMT": time.Date(2019, 3, 1, 12, 0, 0, 0, time.UTC),
	} {
		tr := &transport{now: func() time.Time { return noon }}
		tr.hold(header)
		assert.True(t, want.Equal(tr.held()), "%q: %s", header, tr.held())
	}
	tr := &transport{now: func() time.Time { return noon }}
	tr.hold("300")
	tr.hold("60")
	assert.Equal(t, noon.Add(5*time.Minute), tr.held(), "the longest wish counts")
}

func TestWhatTheServerSaysIsToldWithWhatToCheck(t *testing.T) {
	s := &session{m: manager(t), transport: &transport{ctx: t.Context(), now: time.Now}}
	err := s.explain(&legoacme.ProblemDetails{Type: legoacme.CaaErrorType, Detail: "CAA record\nforbids", SubProblems: []legoacme.SubProblem{
		{Detail: "no", Identifier: legoacme.Identifier{Value: "shop.test"}}}})
	assert.Equal(t, `the ACME server says "CAA record forbids" (caa); shop.test: "no": check the domain's CAA records: they have to allow this authority, or not exist`, err.Error())
	var p *legoacme.ProblemDetails
	assert.ErrorAs(t, err, &p)
	assert.Len(t, clean(strings.Repeat("é", 1000)), 1000, "500 letters")

	joined := errors.Join(&DomainError{"b.test", err}, &DomainError{"a.test", err})
	assert.Equal(t, []string{"a.test", "b.test"}, domainsOf(&wrapped{joined}))
	for kind := range checkList {
		assert.NotEmpty(t, kind)
	}
}

type wrapped struct{ err error }

func (w *wrapped) Error() string { return "x: " + w.err.Error() }
func (w *wrapped) Unwrap() error { return w.err }

func TestTheLockIsWaitedForOnlyAsLongAsTheContext(t *testing.T) {
	m := manager(t)
	unlock, err := m.lock(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = m.Ensure(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "which another process holds")
	unlock()
	unlock, err = m.lock(t.Context())
	require.NoError(t, err)
	unlock()
}

// Prepare may fail where Run finds the trouble gone; what is there is then new to nginx.
func TestRunHandsOverWhatPrepareCouldNot(t *testing.T) {
	m := manager(t)
	require.NoError(t, os.WriteFile(m.o.Challenges, nil, 0o600))
	_, err := m.Prepare(t.Context())
	require.Error(t, err)
	err = m.Run(t.Context(), nil)
	require.ErrorContains(t, err, "making the folder for challenges", "its caller starts it again")
	require.NoError(t, os.Remove(m.o.Challenges))

	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	require.NoError(t, m.Run(ctx, func(context.Context) error {
		calls++
		cancel()
		return nil
	}))
	assert.Equal(t, 1, calls)
	pair, err := m.Pair()
	require.NoError(t, err)
	assert.True(t, pair.Info.Placeholder)
}

// Run against nobody: it fails, waits as planned, and looks again when the clock says so.
func TestRunLooksAgainWhenTheClockSaysSo(t *testing.T) {
	var c clock
	seen := make(chan Status, 1000)
	m := manager(t, c.options, func(o *Options) { o.Observe = func(s Status) { seen <- s } })
	asked := make(chan struct{}, 100)
	m.trace = func(*http.Request) { asked <- struct{}{} }
	_, err := m.Prepare(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- m.Run(ctx, func(context.Context) error { t.Error("nothing changed"); return nil })
	}()
	await := func(why string) {
		t.Helper()
		select {
		case <-asked:
		case <-time.After(10 * time.Second):
			t.Fatal(why)
		}
	}
	planned := func(failures int) time.Time {
		t.Helper()
		for {
			select {
			case s := <-seen:
				if s.Failures == failures && s.NextAttempt.After(s.LastAttempt) {
					return s.NextAttempt
				}
			case <-time.After(10 * time.Second):
				t.Fatal("no plan")
			}
		}
	}
	await("it asks at the start")
	assert.WithinDuration(t, c.now().Add(time.Minute), planned(1), 20*time.Second)
	c.move(2 * time.Minute)
	await("it asks again when the wait is over")
	assert.WithinDuration(t, c.now().Add(3*time.Minute), planned(2), time.Minute)
	c.move(-30 * daily)
	await("it asks again when the clock was set back")
	planned(3)
	cancel()
	assert.NoError(t, <-done)
	assert.Empty(t, asked)
}
