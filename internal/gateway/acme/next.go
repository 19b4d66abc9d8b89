package acme

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"drydock/internal/gateway/certs"
)

const (
	daily      = 24 * time.Hour
	firstRetry = time.Minute
	lastRetry  = 12 * time.Hour
	maxHold    = 7 * daily // the longest Retry-After that is believed

	// restartFailures bounds the wait that a restart inherits, to about nine minutes.
	restartFailures = 3
)

// next is when the authority is to be asked again; a time that is not after now means at
// once. Jitter, in [0,1), keeps a fleet from asking at the same second.
func next(now time.Time, s Status, jitter float64) time.Time {
	last := s.LastAttempt
	if last.IsZero() || now.Before(last) {
		return now // never tried, or the clock was set back: nothing that was planned holds
	}
	if s.Failures > 0 {
		at := last.Add(min(lastRetry, time.Duration(float64(backoff(s.Failures))*(1+jitter/4))))
		if s.RetryAfter.After(at) {
			at = s.RetryAfter
			if limit := last.Add(maxHold); at.After(limit) {
				at = limit
			}
		}
		return at
	}
	every := daily
	if s.RecheckSeconds > 0 {
		every = min(daily, max(time.Hour, time.Duration(min(s.RecheckSeconds, int(daily/time.Second)))*time.Second))
	}
	at := last.Add(time.Duration(float64(every) * (1 - jitter/4)))
	// A renewal that is due already was done by the last attempt, or did not help (the
	// clocks disagree); it must not become a loop.
	if s.RenewAt.After(last) && s.RenewAt.Before(at) {
		at = s.RenewAt
		if soonest := last.Add(firstRetry); at.Before(soonest) {
			at = soonest
		}
	}
	return at
}

// backoff is 1, 3, 9, 27, 81 minutes, 4 hours, 12 hours. Five attempts in the first hour
// are what Let's Encrypt lets fail for a name.
func backoff(failures int) time.Duration {
	wait := firstRetry
	for ; failures > 1 && wait < lastRetry; failures-- {
		wait *= 3
	}
	return min(wait, lastRetry)
}

// window is when the authority suggests to renew (RFC 9773).
type window struct{ start, end time.Time }

// renewAt is when a certificate is due: the authority's advice, or before its end. Advice
// moves a date that the user set only forward, and never beyond the last tenth of the life.
func renewAt(info certs.Info, before time.Duration, advice *window) time.Time {
	life := info.Life()
	at := info.NotAfter.Add(-life / 3)
	if before > 0 {
		at = info.NotAfter.Add(-min(before, life/2))
	}
	if advice == nil {
		return at
	}
	chosen := advice.start.Add(time.Duration(share(info.Serial) * float64(advice.end.Sub(advice.start))))
	latest := info.NotAfter.Add(-life / 10)
	if before > 0 {
		latest = at
	}
	if chosen.After(latest) {
		return latest
	}
	return chosen
}

// share spreads certificates over [0,1). One always gets the same place in its window:
// drawing anew with each look would favour the window's beginning.
func share(serial string) float64 {
	sum := sha256.Sum256([]byte(serial))
	return float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32)
}
