package testkit

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// Proxy starts an HTTP proxy on this machine that the host's builds can use, as where a
// firewall lets nothing else out. It ends with the test. The answer is its URL, as
// HTTP_PROXY and HTTPS_PROXY want it.
func (h *Host) Proxy() string {
	h.t.Helper()
	l, err := net.Listen("tcp", h.net.ip(1)+":0")
	if err != nil {
		h.t.Fatalf("starting a proxy: %v", err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			tunnel(w, r)
			return
		}
		forward.ServeHTTP(w, r)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	h.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			h.t.Errorf("ending the proxy: %v", err)
		}
		<-served
	})
	return "http://" + l.Addr().String()
}

// tunnel joins the client and the server it asked for (RFC 9110, 9.3.6), until one of
// them ends.
func tunnel(w http.ResponseWriter, r *http.Request) {
	to, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer to.Close()
	w.WriteHeader(http.StatusOK)
	from, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the client has gone
	}
	defer from.Close()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(to, buffered) // the end of either side ends the other
		_ = to.Close()
	})
	_, _ = io.Copy(from, to)
	_ = from.Close()
	both.Wait()
}
