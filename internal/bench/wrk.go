package bench

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"drydock/internal/run"
)

// wrkResult is what one run of wrk says.
type wrkResult struct {
	Requests  float64       // a second
	P99       time.Duration // latency
	Bad       int           // answers that are no 2xx or 3xx
	SocketErr int           // connections that failed
}

// wrk loads a URL for a while. threads and connections are wrk's own.
func wrk(ctx context.Context, path, url string, threads, connections int, d time.Duration) (wrkResult, error) {
	out, err := run.Output(ctx, run.Cmd{Name: path, Args: []string{
		"--threads", strconv.Itoa(threads), "--connections", strconv.Itoa(connections), "--latency",
		"--duration", fmt.Sprintf("%ds", int(d.Seconds())), url,
	}})
	if err != nil {
		return wrkResult{}, fmt.Errorf("loading %s with wrk: %w", url, err)
	}
	r, err := parseWrk(out)
	if err != nil {
		return r, fmt.Errorf("loading %s with wrk: %w", url, err)
	}
	return r, nil
}

var (
	wrkRequests = regexp.MustCompile(`(?m)^Requests/sec:\s+([0-9.]+)`)
	wrkP99      = regexp.MustCompile(`(?m)^\s+99%\s+([0-9.]+)(us|ms|s|m)\b`)
	wrkBad      = regexp.MustCompile(`(?m)^\s+Non-2xx or 3xx responses: (\d+)`)
	wrkSocket   = regexp.MustCompile(`(?m)^\s+Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// parseWrk reads the output of wrk 4 with --latency.
func parseWrk(out []byte) (r wrkResult, err error) {
	m, p := wrkRequests.FindSubmatch(out), wrkP99.FindSubmatch(out)
	if m == nil || p == nil {
		return r, fmt.Errorf("its output has no rate or no latency: %s", bytes.TrimSpace(out))
	}
	if r.Requests, err = strconv.ParseFloat(string(m[1]), 64); err != nil {
		return r, err
	}
	if r.P99, err = time.ParseDuration(string(p[1]) + string(p[2])); err != nil {
		return r, err
	}
	if b := wrkBad.FindSubmatch(out); b != nil {
		if r.Bad, err = strconv.Atoi(string(b[1])); err != nil {
			return r, err
		}
	}
	for _, text := range wrkSocket.FindSubmatch(out) {
		if n, err := strconv.Atoi(string(text)); err == nil { // the first is the whole line
			r.SocketErr += n
		}
	}
	return r, nil
}
