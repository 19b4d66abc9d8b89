package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"drydock/backend/internal/obs"
)

// wellFormedID is what we take over from a proxy; anything else could forge log lines or headers further on.
var wellFormedID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-ID"); wellFormedID.MatchString(id) {
		return id
	}
	return rand.Text()
}

type routeKey struct{}

// note tells observe, further out, which pattern matched.
func note(ctx context.Context, pattern string) {
	if p, ok := ctx.Value(routeKey{}).(*string); ok {
		*p = pattern
	}
}

// quietRoutes are asked several times a second by machines: logged only when the answer is no.
var quietRoutes = map[string]bool{"GET /healthz": true, "GET /readyz": true, "GET /metrics": true}

// observe gives the request its id, and logs and counts it when it is over.
func (a *API) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		defer a.Metrics.Begin()()

		id, route := requestID(r), "none"
		ctx := obs.WithRequestID(r.Context(), id)
		ctx = context.WithValue(ctx, routeKey{}, &route)
		r = r.WithContext(ctx)
		w.Header().Set("X-Request-ID", id)
		w.Header().Set("X-Served-By", a.Build.Instance)
		if a.Health.Draining() {
			// The proxy shall not reuse this connection: closing it idle later could meet its next request.
			w.Header().Set("Connection", "close")
		}

		rec := &recorder{ResponseWriter: w}
		aborted := true
		defer func() {
			status := rec.status
			switch {
			case aborted && status == 0: // http.ErrAbortHandler: the connection is cut without an answer
				status = statusClientGone
			case status == 0:
				status = http.StatusOK // nothing was written: net/http sends 200
			}
			a.logRequest(r, route, status, rec.bytes, time.Since(begin))
		}()
		next.ServeHTTP(rec, r)
		aborted = false
	})
}

func (a *API) logRequest(r *http.Request, route string, status int, bytes int64, took time.Duration) {
	a.Metrics.Answered(route, r.Method, status, took, route != "GET "+eventsPath)
	if quietRoutes[route] && status < 400 {
		return
	}
	// No query string: searches are the users' words.
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Int64("bytes", bytes),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("remote", r.RemoteAddr),
		slog.String("forwarded_for", r.Header.Get("X-Forwarded-For")),
		slog.String("user_agent", r.UserAgent()),
	)
}

// recoverPanics turns a fault in one request into a 500 for that request alone.
func (a *API) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { // compared by identity, as net/http does
				panic(v)
			}
			a.Metrics.Panicked()
			a.Log.ErrorContext(r.Context(), "panic", "value", fmt.Sprint(v), "stack", string(debug.Stack()))
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler) // half an answer is out: cut it, so that it is not taken for a whole one
			}
			a.fail(w, r, fmt.Errorf("panic: %v", v))
		}()
		next.ServeHTTP(w, r)
	})
}

// recorder remembers what was answered. Unwrap keeps http.ResponseController working.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
