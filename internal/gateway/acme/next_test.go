package acme

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"drydock/internal/gateway/certs"
)

var noon = time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)

func TestNext(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	in := func(d time.Duration) time.Time { return noon.Add(d) }
	for _, c := range []struct {
		name   string
		s      Status
		jitter float64
		want   time.Time
	}{
		{"never tried", Status{}, 0.5, noon},
		{"the clock was set back", Status{LastAttempt: in(time.Hour)}, 0.5, noon},
		{"the clock was set back after failures", Status{LastAttempt: in(time.Hour), Failures: 9, RetryAfter: in(9 * daily)}, 0, noon},
		{"a day after", Status{LastAttempt: ago(time.Hour)}, 0, in(23 * time.Hour)},
		{"jitter makes it earlier", Status{LastAttempt: noon}, 0.5, in(21 * time.Hour)},
		{"the machine slept", Status{LastAttempt: ago(90 * daily)}, 0, ago(89 * daily)},
		{"due before tomorrow", Status{LastAttempt: ago(time.Hour), RenewAt: in(2 * time.Hour)}, 0.9, in(2 * time.Hour)},
		{"due in a moment", Status{LastAttempt: noon, RenewAt: in(time.Second)}, 0, in(time.Minute)},
		{"due later", Status{LastAttempt: noon, RenewAt: in(9 * daily)}, 0, in(daily)},
		{"the renewal did not help", Status{LastAttempt: noon, RenewAt: ago(time.Hour)}, 0, in(daily)},
		{"the server wants to be asked more often", Status{LastAttempt: noon, RecheckSeconds: 6 * 3600}, 0, in(6 * time.Hour)},
		{"but not all the time", Status{LastAttempt: noon, RecheckSeconds: 1}, 0, in(time.Hour)},
		{"and not less often", Status{LastAttempt: noon, RecheckSeconds: 1 << 60}, 0, in(daily)},
		{"failed once", Status{LastAttempt: noon, Failures: 1}, 0, in(time.Minute)},
		{"failed once, jitter", Status{LastAttempt: noon, Failures: 1}, 0.8, in(72 * time.Second)},
		{"failed twice", Status{LastAttempt: noon, Failures: 2}, 0, in(3 * time.Minute)},
		{"failed 5 times", Status{LastAttempt: noon, Failures: 5}, 0, in(81 * time.Minute)},
		{"failed for ever", Status{LastAttempt: noon, Failures: 1 << 40}, 0.9, in(12 * time.Hour)},
		{"failing does not wait for a renewal", Status{LastAttempt: noon, Failures: 1, RenewAt: in(time.Second)}, 0, in(time.Minute)},
		{"the server wants to be left alone", Status{LastAttempt: noon, Failures: 1, RetryAfter: in(26 * time.Hour)}, 0, in(26 * time.Hour)},
		{"for a shorter time than we would anyway", Status{LastAttempt: noon, Failures: 3, RetryAfter: in(time.Second)}, 0, in(9 * time.Minute)},
		{"for ever", Status{LastAttempt: noon, Failures: 1, RetryAfter: in(1000 * daily)}, 0, in(7 * daily)},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, next(noon, c.s, c.jitter))
		})
	}
}

// Let's Encrypt lets five validations of a name fail in an hour.
func TestTheBackoffStaysBelowTheLimitOfFailedValidations(t *testing.T) {
	at, attempts := time.Duration(0), 0
	for at < time.Hour {
		attempts++
		at += backoff(attempts)
	}
	assert.LessOrEqual(t, attempts, 5)
}

func TestRenewAt(t *testing.T) {
	long := certs.Info{Serial: "1", NotBefore: noon, NotAfter: noon.Add(90 * daily)}
	short := certs.Info{Serial: "1", NotBefore: noon, NotAfter: noon.Add(6 * daily)}
	from := func(d time.Duration) time.Time { return noon.Add(d) }
	assert.Equal(t, from(60*daily), renewAt(long, 0, nil))
	assert.Equal(t, from(4*daily), renewAt(short, 0, nil))
	assert.Equal(t, from(80*daily), renewAt(long, 10*daily, nil))
	// 30 days before the end of a certificate that lives six would be always.
	assert.Equal(t, from(3*daily), renewAt(short, 30*daily, nil))

	advice := &window{from(10 * daily), from(12 * daily)}
	at := renewAt(long, 0, advice)
	assert.False(t, at.Before(advice.start) || at.After(advice.end), at)
	assert.Equal(t, at, renewAt(long, 0, advice), "the place in the window stays")
	other := long
	other.Serial = "2"
	assert.NotEqual(t, at, renewAt(other, 0, advice), "others have another place")
	assert.Equal(t, at, renewAt(long, 10*daily, advice), "advice comes before a later setting")
	assert.Equal(t, from(81*daily), renewAt(long, 0, &window{from(200 * daily), from(300 * daily)}), "too late advice")
	assert.Equal(t, from(80*daily), renewAt(long, 10*daily, &window{from(84 * daily), from(85 * daily)}), "the setting comes before later advice")
}

// Whatever was recorded, the authority is not asked more than once a minute, and not
// forgotten.
func FuzzNext(f *testing.F) {
	f.Add(int64(0), int64(0), int64(0), 0, 0, 0.5)
	f.Add(int64(time.Hour), int64(-time.Hour), int64(maxHold*2), 7, -1, 0.99)
	f.Fuzz(func(t *testing.T, ago, renewIn, holdFor int64, failures, recheck int, jitter float64) {
		if !(jitter >= 0 && jitter < 1) || ago < 0 {
			return
		}
		last := noon.Add(-time.Duration(ago))
		at := next(noon, Status{
			LastAttempt: last, Failures: failures, RecheckSeconds: recheck,
			RenewAt: noon.Add(time.Duration(renewIn)), RetryAfter: noon.Add(time.Duration(holdFor)),
		}, jitter)
		if at.Before(last.Add(time.Minute)) || at.After(last.Add(maxHold)) {
			t.Fatalf("last %s, next %s", last, at)
		}
	})
}

func TestShare(t *testing.T) {
	for _, s := range []string{"", "1", "ff", "abc"} {
		assert.GreaterOrEqual(t, share(s), 0.0)
		assert.Less(t, share(s), 1.0)
	}
}
