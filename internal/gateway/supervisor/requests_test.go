package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRequest(t *testing.T) {
	for line, want := range map[string]request{
		"blue\tapi\t200\t0.012\t0.011\t345":              {blue, 0, 1, .012, 345},
		"green\tstream\t101\t3600.001\t-\t0":             {green, streamRoute, 0, 3600.001, 0},
		"\tpage\t503\t0.000\t0.001, 0.002 : 0.003\t1234": {none, 1, serverError, 0, 1234},
		"none\tnew kind\t499\t60.000\t-\t0":              {none, otherRoute, 3, 60, 0},
		"blue\tasset\t304\t0.000\t-\t180":                {blue, 2, 2, 0, 180},
		"blue\tapi\t000\t0.000\t-\t0":                    {blue, 0, otherClass, 0, 0},
	} {
		got, ok := parseRequest([]byte(line))
		assert.True(t, ok, line)
		assert.Equal(t, want, got, line)
	}
	for _, line := range []string{
		"", "blue", "blue\tapi\t200\t0.012\t0.011", "blue\tapi\t200\t0.012\t0.011\t345\tmore", "blue\tapi\tOK\t0.012\t-\t1",
		"blue\tapi\t200\t0.1\t-\t1", "blue\tapi\t200\t-\t-\t1", "blue\tapi\t200\t0.012\t-\t-1", "blue\tapi\t1200\t0.012\t-\t1",
		"blue\tapi\t200\t0.012\t\t1", "blue\tapi\t200\t9999999999999999999.000\t-\t1",
	} {
		_, ok := parseRequest([]byte(line))
		assert.False(t, ok, line)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("blue\tapi\t200\t0.012\t0.011\t345"))
	f.Fuzz(func(t *testing.T, line []byte) {
		q, ok := parseRequest(line)
		if !ok {
			return
		}
		require.Less(t, q.colour, len(colourNames))
		require.Less(t, q.route, len(routeNames))
		require.Less(t, q.class, len(classNames))
		require.GreaterOrEqual(t, q.seconds, 0.0)
	})
}

func TestCountingDoesNotAllocate(t *testing.T) {
	r := NewRequests(time.Now)
	text := []byte(strings.Repeat("blue\tapi\t200\t0.012\t0.011\t345\n", 100))
	assert.Zero(t, testing.AllocsPerRun(100, func() { r.lines(text) }))
}

func TestWindow(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := NewRequests(func() time.Time { return now })
	add := func(n int, line string) { r.lines([]byte(strings.Repeat(line+"\n", n))) }
	add(90, "green\tapi\t200\t0.008\t0.008\t10")
	add(10, "green\tapi\t502\t2.000\t2.000\t10")
	add(50, "green\tstream\t200\t600.000\t600.000\t10")
	add(7, "blue\tpage\t200\t0.001\t0.001\t10")
	w := r.Window("green", 30)
	assert.EqualValues(t, 150, w.Requests)
	assert.EqualValues(t, 10, w.Errors)
	assert.InDelta(t, 10.0/150, w.ErrorRate, 1e-9)
	assert.InDelta(t, 7.5, w.P50, 2.5, "within its bucket of 5 to 10 ms")
	assert.InDelta(t, 1750, w.P99, 750, "streams don't count")
	assert.EqualValues(t, 157, r.Window("", 30).Requests)
	assert.EqualValues(t, 7, r.Window("blue", 300).Requests)
	assert.Equal(t, Window{Colour: "none", Seconds: 30, P50: 0}, r.Window("none", 30))

	now = now.Add(29 * time.Second)
	assert.EqualValues(t, 150, r.Window("green", 30).Requests)
	now = now.Add(time.Second)
	assert.Zero(t, r.Window("green", 30).Requests)
	assert.EqualValues(t, 150, r.Window("green", 31).Requests)
	now = now.Add(270 * time.Second) // the same place in the ring
	add(1, "green\tapi\t200\t0.008\t0.008\t10")
	assert.EqualValues(t, 1, r.Window("green", 300).Requests)
	assert.Equal(t, windowSeconds, r.Window("green", 100000).Seconds)
	now = now.Add(-time.Hour) // the clock was set back
	assert.Zero(t, r.Window("green", 300).Requests)
	assert.EqualValues(t, 101, r.snapshot().requests[green][0][1]+r.snapshot().requests[green][0][serverError])
}

func TestQuantileOfSlowest(t *testing.T) {
	var counts [buckets]uint64
	assert.Zero(t, quantile(&counts, .5))
	counts[buckets-1] = 3
	assert.EqualValues(t, 60000, quantile(&counts, .99))
}

// Lines are cut anywhere by reads, and a line without an end must not stop the counting.
func TestReadsThePipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.pipe")
	require.NoError(t, os.WriteFile(path, nil, 0o600)) // left by something else
	pipe, err := openPipe(path)
	require.NoError(t, err)
	r := NewRequests(time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Read(ctx, pipe)
	}()
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	line := "blue\tapi\t200\t0.012\t0.011\t345\n"
	for i := range len(line) { // byte by byte
		_, err := w.WriteString(line[i : i+1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close()) // a writer that goes is no end
	w, err = os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprint(w, "nonsense\n", strings.Repeat(line, 5000), strings.Repeat("x", 200<<10), "\n", line)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return r.snapshot().requests[blue][0][1] == 5002 }, 10*time.Second, 5*time.Millisecond)
	assert.Positive(t, r.snapshot().dropped)
	assert.NoError(t, w.Close())
	cancel()
	<-ended
}
