package deploy

import (
	"fmt"

	"drydock/internal/gateway"
)

// What is too little to judge by.
const (
	fewErrors   = 5   // fewer may be anybody's fault
	fewRequests = 50  // quantiles of fewer say nothing
	shortMS     = 100 // a difference that hardly anybody feels
)

// judgeErrors says why the new release does badly, or "". It compares with what the old
// one had, so that a fault of both (a database that is away) sends nobody back and forth.
// The allowance is in per cent of the requests, beyond the old release's.
func judgeErrors(allowed int, old, now gateway.Window) string {
	rate := func(w gateway.Window) float64 {
		if w.Requests == 0 {
			return 0
		}
		return 100 * float64(w.Errors) / float64(w.Requests)
	}
	if now.Errors < fewErrors || rate(now)-rate(old) <= float64(allowed) {
		return ""
	}
	return fmt.Sprintf("%.1f %% of its requests (%d of %d) were answered with 5xx; before it were %.1f %%, and MAX_ERROR_RATE allows %d %% more",
		rate(now), now.Errors, now.Requests, rate(old), allowed)
}

// judgeLatency says why the new release is too slow, or "". The allowance is how many
// times as slow as the old one it may be; 0 does not look.
func judgeLatency(allowed int, old, now gateway.Window) string {
	if allowed == 0 || now.Requests < fewRequests || old.Requests < fewRequests {
		return ""
	}
	if now.P90 <= float64(allowed)*old.P90 || now.P90-old.P90 <= shortMS {
		return ""
	}
	return fmt.Sprintf("90 of 100 requests took up to %.0f ms; before it were %.0f ms, and MAX_SLOWDOWN allows %d times that", now.P90, old.P90, allowed)
}
