//go:build integration

package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/certs"
)

// obtained is a manager that has its first certificate.
func (p *pebble) obtained(t *testing.T, change ...func(*Options)) (*Manager, *counter, certs.Pair) {
	t.Helper()
	m, c := p.manager(t, change...)
	_, err := m.Prepare(t.Context())
	require.NoError(t, err)
	changed, err := m.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	require.True(t, changed)
	pair, err := m.Pair()
	require.NoError(t, err)
	return m, c, pair
}

// whole checks that what would be served is a pair that fits together.
func whole(t *testing.T, m *Manager) certs.Pair {
	t.Helper()
	pair, err := m.Pair()
	require.NoError(t, err)
	_, err = tls.X509KeyPair(pair.Cert, pair.Key)
	require.NoError(t, err)
	return pair
}

func noTokens(t *testing.T, p *pebble) {
	t.Helper()
	left, err := os.ReadDir(p.challenges)
	require.NoError(t, err)
	assert.Empty(t, left, "answers to challenges were left behind")
}

func TestACertificateIsObtainedOnce(t *testing.T) {
	p := startPebble(t)
	m, c, pair := p.obtained(t, func(o *Options) { o.Email = "ops@shop.test"; o.Domains = append(o.Domains, "bücher.test") })

	names := []string{"shop.test", "www.shop.test", "xn--bcher-kva.test"}
	assert.Empty(t, certs.Check(pair.Cert, pair.Key, names, time.Now()))
	leaf, err := certs.Leaf(pair.Cert)
	require.NoError(t, err)
	between := x509.NewCertPool()
	between.AppendCertsFromPEM(pair.Cert)
	for _, n := range names {
		_, err = leaf.Verify(x509.VerifyOptions{DNSName: n, Roots: p.Root(), Intermediates: between})
		assert.NoError(t, err)
	}
	noTokens(t, p)
	st := m.Status()
	assert.Equal(t, pair.Info.Serial, st.Serial)
	assert.Equal(t, pair.Info.NotAfter, st.NotAfter)
	assert.False(t, st.Placeholder)
	assert.Zero(t, st.Failures)
	assert.Empty(t, st.LastError)
	assert.Equal(t, p.Directory(), st.IssuedBy)
	previous, err := certs.Store{Dir: m.o.Store}.Previous()
	require.NoError(t, err)
	assert.True(t, previous.Info.Placeholder)

	// Nothing is ordered or registered a second time, by this process or the next one.
	n, a := c.seen(orders), c.seen(accounts)
	for _, again := range []*Manager{m, manager(t, like(m))} {
		again.trace = c.count
		changed, err := again.Ensure(withTimeout(t, time.Minute))
		require.NoError(t, err)
		assert.False(t, changed)
	}
	assert.Equal(t, n, c.seen(orders))
	assert.Equal(t, a, c.seen(accounts))
	assert.Equal(t, pair, whole(t, m))
	assert.WithinDuration(t, pair.Info.NotAfter.Add(-30*daily), m.Status().RenewAt, 25*time.Hour, "pebble advises a third of the life, and a day around it")
	assert.Equal(t, 6*3600, m.Status().RecheckSeconds)
}

func TestARenewalThatIsDue(t *testing.T) {
	p := startPebble(t)
	var c clock
	m, count, first := p.obtained(t, c.options)
	a := count.seen(accounts)
	c.move(40 * daily)
	changed, err := m.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	assert.False(t, changed, "not yet")
	c.move(30 * daily)
	changed, err = m.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	assert.True(t, changed)
	second := whole(t, m)
	assert.NotEqual(t, first.Info.Serial, second.Info.Serial)
	assert.NotEqual(t, first.Key, second.Key)
	assert.Equal(t, a, count.seen(accounts), "the account is used again")
	previous, err := certs.Store{Dir: m.o.Store}.Previous()
	require.NoError(t, err)
	assert.Equal(t, first.Info.Serial, previous.Info.Serial)
}

// RFC 9773: an authority that has to revoke says so through its advice.
func TestTheAuthoritysAdviceIsFollowed(t *testing.T) {
	p := startPebble(t)
	m, _, first := p.obtained(t)
	p.Advise(first.Cert, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	changed, err := m.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	assert.True(t, changed)
	assert.NotEqual(t, first.Info.Serial, whole(t, m).Info.Serial)
}

func TestOtherDomainsOrAnotherDirectory(t *testing.T) {
	p := startPebble(t)
	m, count, first := p.obtained(t)
	more, _ := p.manager(t, like(m), domains("shop.test", "api.shop.test"))
	more.trace = count.count
	changed, err := more.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	assert.True(t, changed)
	second := whole(t, m)
	assert.Equal(t, []string{"api.shop.test", "shop.test"}, sorted(second.Info.Names))
	assert.NotEqual(t, first.Info.Serial, second.Info.Serial)

	// From staging to production: the names are the same, the certificate is not
	// (home-assistant/addons 1705: the staging certificate stayed).
	production, _ := p.manager(t, like(more), func(o *Options) { o.Directory = fmt.Sprintf("https://127.0.0.1:%d/dir", p.Port) })
	changed, err = production.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	assert.True(t, changed)
	third := whole(t, m)
	assert.NotEqual(t, second.Info.Serial, third.Info.Serial)
	entries, err := os.ReadDir(filepath.Join(m.o.Store, "accounts"))
	require.NoError(t, err)
	assert.Len(t, entries, 2)
}

// Each domain that fails is named, with what the server said and what to check. The old
// certificate goes on being served, with its own key (nginx/njs-acme 52: the new key had
// replaced the old one before the order failed, and nginx did not start any more).
func TestAFailedRenewalLeavesTheOldCertificateServing(t *testing.T) {
	p := startPebble(t)
	m, _, first := p.obtained(t)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{TLSConfig: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := m.Pair()
		if err != nil {
			return nil, err
		}
		c, err := tls.X509KeyPair(pair.Cert, pair.Key)
		return &c, err
	}}}
	go func() { _ = server.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	served := func() string {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{ServerName: "shop.test", RootCAs: p.Root()})
		require.NoError(t, err)
		defer conn.Close()
		return fmt.Sprintf("%x", conn.ConnectionState().PeerCertificates[0].SerialNumber)
	}
	assert.Equal(t, first.Info.Serial, served())

	bad, _ := p.manager(t, like(m), domains("shop.test", closed, foreign, nowhere))
	changed, err := bad.Ensure(withTimeout(t, time.Minute))
	assert.False(t, changed)
	require.Error(t, err)
	text := err.Error()
	for domain, want := range map[string]string{
		closed:  "its port 80 is published and open in every firewall",
		foreign: "another server may have answered",
		nowhere: "check",
	} {
		line := lineWith(text, domain+": ")
		assert.Contains(t, line, "the ACME server says", text)
		assert.Contains(t, line, want, text)
	}
	assert.NotContains(t, text, "shop.test: the ACME server says", "that one is right")
	assert.Contains(t, text, "the certificate that is there stays in use; it is valid until "+first.Info.NotAfter.UTC().Format(time.RFC3339))
	assert.Equal(t, []string{closed, foreign, nowhere}, domainsOf(err))
	noTokens(t, p)
	assert.Equal(t, first, whole(t, m))
	assert.Equal(t, first.Info.Serial, served())
	assert.Equal(t, 1, bad.Status().Failures)

	blocked, _ := p.manager(t, like(m), domains("blocked.test"))
	_, err = blocked.Ensure(withTimeout(t, time.Minute))
	assert.ErrorContains(t, err, "(rejectedIdentifier); blocked.test: ")
	assert.ErrorContains(t, err, "this authority does not certify that name")
}

func TestTheServerIsDown(t *testing.T) {
	p := startPebble(t)
	var c clock
	m, _, first := p.obtained(t, c.options)
	p.Stop()
	changed, err := m.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err, "nothing is due, so nobody is missed")
	assert.False(t, changed)
	c.move(61 * daily)
	_, err = m.Ensure(withTimeout(t, time.Minute))
	assert.ErrorContains(t, err, "that the ACME server runs")
	assert.ErrorContains(t, err, "stays in use")
	assert.Equal(t, first, whole(t, m))

	p.Restart() // it keeps nothing: the account and the certificate are unknown to it now
	changed, err = m.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	assert.True(t, changed)
	assert.NotEqual(t, first.Info.Serial, whole(t, m).Info.Serial)
}

// The server goes away while it is being talked to.
func TestTheServerGoesDownInTheMiddle(t *testing.T) {
	p := startPebble(t)
	for _, at := range []int{2, 3, 6} { // asking for a nonce, registering, proving
		m, count := p.manager(t)
		_, err := m.Prepare(t.Context())
		require.NoError(t, err)
		count.at, count.hook = at, p.Stop
		_, err = m.Ensure(withTimeout(t, time.Minute))
		assert.ErrorContains(t, err, "that the ACME server runs", "request %d", at)
		noTokens(t, p)
		p.Restart()
	}
}

func TestAServerThatIsNotTrusted(t *testing.T) {
	p := startPebble(t)
	m, _ := p.manager(t, func(o *Options) { o.RootCAs = x509.NewCertPool() })
	_, err := m.Ensure(withTimeout(t, time.Minute))
	assert.ErrorContains(t, err, "set the authority's own CA certificate")
}

// Most requests are refused for their nonce, and yet it works.
func TestManyBadNonces(t *testing.T) {
	p := startPebble(t, "PEBBLE_WFE_NONCEREJECT=40")
	p.obtained(t)
}

// Whatever request is the last one before the end, a whole pair is there, no answer to a
// challenge is left, the end comes at once, and the next try works.
func TestCancelledAtEachRequest(t *testing.T) {
	p := startPebble(t, "PEBBLE_WFE_NONCEREJECT=0")
	var c clock
	m, count, first := p.obtained(t, c.options)
	total := count.total()
	require.Greater(t, total, 8)
	c.move(70 * daily)
	cancelled := 0
	for at := 1; ; at++ {
		require.Less(t, at, 100)
		count.mu.Lock()
		count.paths, count.at = nil, at
		ctx, cancel := context.WithCancel(t.Context())
		var when time.Time
		count.hook = func() { when = time.Now(); cancel() }
		count.mu.Unlock()
		changed, err := m.Ensure(ctx)
		ended := time.Now()
		stopped := ctx.Err() != nil
		cancel()
		if !stopped {
			require.NoError(t, err)
			assert.True(t, changed)
			break
		}
		cancelled++
		assert.Less(t, ended.Sub(when), 2*time.Second, "request %d", at)
		assert.ErrorIs(t, err, context.Canceled, "request %d", at)
		assert.False(t, changed)
		assert.Equal(t, first, whole(t, m), "request %d", at)
		noTokens(t, p)
	}
	assert.Greater(t, cancelled, 8)
	assert.NotEqual(t, first.Info.Serial, whole(t, m).Info.Serial)
	assert.Zero(t, m.Status().Failures)
}

func TestTwoAtOnceOrderOnce(t *testing.T) {
	p := startPebble(t)
	m, count := p.manager(t)
	other := manager(t, like(m))
	other.trace = count.count
	var changes [2]bool
	var both sync.WaitGroup
	for i, one := range []*Manager{m, other} {
		both.Go(func() {
			var err error
			changes[i], err = one.Ensure(t.Context())
			assert.NoError(t, err)
		})
	}
	both.Wait()
	assert.NotEqual(t, changes[0], changes[1], "one of them found it done")
	whole(t, m)
}

// The key is the account: without the rest, the server says which one it is.
func TestTheAccountIsFoundByItsKey(t *testing.T) {
	p := startPebble(t)
	var c clock
	m, _, _ := p.obtained(t, c.options)
	record := filepath.Join(accountDir(m.o.Store, p.Directory()), "account.json")
	before, err := os.ReadFile(record)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(record, []byte(`{"direct`), 0o600))
	c.move(70 * daily)
	_, err = m.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	after, err := os.ReadFile(record)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

func TestTheEmailAddressChanges(t *testing.T) {
	p := startPebble(t)
	var c clock
	m, count, _ := p.obtained(t, c.options)
	c.move(70 * daily)
	mail, _ := p.manager(t, like(m), func(o *Options) { o.Email = "new@shop.test" })
	mail.trace = count.count
	_, err := mail.Ensure(withTimeout(t, time.Minute))
	require.NoError(t, err)
	record, err := os.ReadFile(filepath.Join(accountDir(m.o.Store, p.Directory()), "account.json"))
	require.NoError(t, err)
	assert.Contains(t, string(record), "new@shop.test")
	assert.Positive(t, count.seen("/my-account/"))
}

// The authority says how long it wants to be left alone. Pebble has no limits, so one
// stands before it.
func TestARateLimitIsRespected(t *testing.T) {
	p := startPebble(t)
	target, err := url.Parse(fmt.Sprintf("https://localhost:%d", p.Port))
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		Transport: p.Client().Transport,
	}
	limited := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != orders {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "7200")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates already issued for shop.test","status":429}`))
	}))
	t.Cleanup(limited.Close)
	pool := x509.NewCertPool()
	pool.AddCert(limited.Certificate())
	m, _ := p.manager(t, func(o *Options) { o.Directory, o.RootCAs = limited.URL+"/dir", pool })
	_, err = m.Ensure(withTimeout(t, time.Minute))
	assert.ErrorContains(t, err, "too many certificates already issued for shop.test")
	assert.ErrorContains(t, err, "(rateLimited): wait; while trying things out use the authority's staging directory")
	assert.ErrorContains(t, err, "it wants no request before")
	st := m.Status()
	assert.WithinDuration(t, time.Now().Add(2*time.Hour), st.RetryAfter, time.Minute)
	assert.Equal(t, st.RetryAfter, next(time.Now(), st, 0))

	again := manager(t, like(m))
	_, err = again.Prepare(t.Context())
	require.NoError(t, err)
	assert.True(t, st.RetryAfter.Equal(next(time.Now(), again.Status(), 0)), "a restart respects it, too")
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line[strings.Index(line, part):]
		}
	}
	return ""
}
