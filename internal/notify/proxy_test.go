package notify

import (
	"encoding/base64"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

// proxy is a proxy as a company has one: it tunnels (CONNECT) and forwards, wants a password, and
// alone knows where the webhook is: every name leads to the one server behind it.
func proxy(t *testing.T, behind, user, password string) (address *url.URL, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	var tunnels sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Proxy-Authorization") != want {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			out := r.Clone(r.Context())
			out.URL.Host, out.RequestURI = behind, ""
			resp, err := http.DefaultTransport.RoundTrip(out)
			if !assert.NoError(t, err) {
				return
			}
			defer resp.Body.Close()
			w.WriteHeader(resp.StatusCode)
			_, err = io.Copy(w, resp.Body)
			assert.NoError(t, err)
			return
		}
		to, err := net.Dial("tcp", behind)
		if !assert.NoError(t, err) {
			return
		}
		from, _, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		_, err = io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
		assert.NoError(t, err)
		tunnels.Go(func() { _, _ = io.Copy(to, from); _ = to.Close() }) // either side may hang up first
		tunnels.Go(func() { _, _ = io.Copy(from, to); _ = from.Close() })
	}))
	t.Cleanup(func() { server.Close(); tunnels.Wait() })
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	address.User = url.UserPassword(user, password)
	return address, asked
}

func TestByWayOfAProxy(t *testing.T) {
	var got atomic.Int32
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) })
	secure, plain := httptest.NewTLSServer(count), httptest.NewServer(count)
	defer secure.Close()
	defer plain.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	for name, c := range map[string]struct {
		hook   string
		behind string
	}{
		// The test server's certificate is for example.com, which no name server here leads to it.
		"https, by a tunnel": {"https://example.com" + path, secure.Listener.Addr().String()},
		"http, forwarded":    {"http://example.com" + path, plain.Listener.Addr().String()},
	} {
		t.Run(name, func(t *testing.T) {
			address, asked := proxy(t, c.behind, "deploy", "proxy-pa%ss@word")
			before := got.Load()
			s := sender(t, Config{URL: c.hook, CA: ca, Proxy: address, Attempts: 1, Backoff: time.Millisecond})
			require.NoError(t, s.Send(t.Context(), Event{Event: Test}))
			assert.Equal(t, before+1, got.Load())
			assert.Positive(t, asked.Load(), "it went by the proxy")
			assert.Contains(t, s.Target(), "://example.com/*** by way of the proxy http://deploy:xxxxx@127.0.0.1:")
			require.NoError(t, s.Close(t.Context())) // and with it the tunnel

			// The proxy refuses it, or is not there: the error says so, and holds no secret.
			wrong := *address
			wrong.User = url.UserPassword("deploy", "another-secret")
			for _, way := range []*url.URL{&wrong, {Scheme: "http", Host: "127.0.0.1:1", User: wrong.User}} {
				s := sender(t, Config{URL: c.hook, CA: ca, Proxy: way, Attempts: 1, Backoff: time.Millisecond})
				err := s.Send(t.Context(), Event{Event: Test})
				require.Error(t, err)
				assert.NotContains(t, err.Error()+s.Target(), "another-secret")
				assert.NotContains(t, err.Error(), "very-secret")
			}
			assert.Equal(t, before+1, got.Load())
		})
	}
}

func TestAProxyThatIsNone(t *testing.T) {
	for _, address := range []string{"http://user:secret@", "://secret", "secret", "http://user:se cret@%zz"} {
		_, err := ParseProxy(address)
		require.ErrorContains(t, err, "WEBHOOK_PROXY")
		assert.NotContains(t, err.Error(), "cret")
		assert.Equal(t, run.CodeBadInput, run.Code(err))
	}
	none, err := ParseProxy("")
	assert.NoError(t, err)
	assert.Nil(t, none)
}
