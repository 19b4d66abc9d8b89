package deploy

import (
	"fmt"

	"drydock/internal/gateway"
)

// limits is how much worse than the old release a new one may be.
type limits struct {
	Errors   int // per cent of the requests beyond the old release's
	Slowdown int // times; 0 does not look
}

// What is too little to judge by.
const (
	fewErrors   = 5  // fewer may be anybody's fault
	fewRequests = 50 // quantiles of fewer say nothing
	shortMS     = 50 // a difference that nobody feels
)

// judge says why the new release does badly, or "". It compares with what the old one had
// under the same clients, so that a fault of both (a database that is away) sends nobody
// back and forth.
func judge(l limits, old, now gateway.Window, latency bool) string {
	rate := func(w gateway.Window) float64 {
		if w.Requests == 0 {
			return 0
		}
		return 100 * float64(w.Errors) / float64(w.Requests)
	}
	if more := rate(now) - rate(old); now.Errors >= fewErrors && more > float64(l.Errors) {
		return fmt.Sprintf("%.1f %% of its requests (%d of %d) were answered with 5xx; before it were %.1f %%, and MAX_ERROR_RATE allows %d %% more",
			rate(now), now.Errors, now.Requests, rate(old), l.Errors)
	}
	if !latency || l.Slowdown == 0 || now.Requests < fewRequests || old.Requests < fewRequests {
		return ""
	}
	if now.P90 > float64(l.Slowdown)*old.P90 && now.P90-old.P90 > shortMS {
		return fmt.Sprintf("90 of 100 requests took up to %.0f ms; before it were %.0f ms, and MAX_SLOWDOWN allows %d times that", now.P90, old.P90, l.Slowdown)
	}
	return ""
}
