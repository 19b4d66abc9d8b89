package httpapi

import (
	"context"
	"net/http"
	"path"
	"strings"
)

// route gives every request its deadline and answers in JSON what no pattern matches. ServeMux by itself would answer
// in plain text, and would redirect unclean paths, which for an API only hides a wrong address.
func (a *API) route(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path.Clean(r.URL.Path) {
			a.fail(w, r, notFound("there is nothing at this path"))
			return
		}
		unmatched, pattern := mux.Handler(r)
		if pattern == "" {
			a.unmatched(w, r, unmatched)
			return
		}
		note(r.Context(), pattern)
		if r.URL.Path != eventsPath {
			ctx, cancel := context.WithTimeout(r.Context(), a.RequestTimeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		mux.ServeHTTP(w, r)
	})
}

// unmatched tells "no such path" from "no such method here", which ServeMux works out in its own answer.
func (a *API) unmatched(w http.ResponseWriter, r *http.Request, h http.Handler) {
	probe := &headOnly{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if probe.status != http.StatusMethodNotAllowed {
		a.fail(w, r, notFound("there is nothing at this path"))
		return
	}
	allow := probe.header.Get("Allow")
	w.Header().Set("Allow", allow)
	a.fail(w, r, &apiError{
		status:  http.StatusMethodNotAllowed,
		Code:    "method_not_allowed",
		Message: "this path answers " + strings.TrimSpace(allow),
	})
}

// headOnly keeps the status and headers of an answer.
type headOnly struct {
	header http.Header
	status int
}

func (h *headOnly) Header() http.Header         { return h.header }
func (h *headOnly) Write(b []byte) (int, error) { return len(b), nil }
func (h *headOnly) WriteHeader(status int)      { h.status = status }
