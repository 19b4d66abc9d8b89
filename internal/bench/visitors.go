package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// visited is what became of the requests of a load.
type visited struct {
	sent, failed int64
	first        string // failure, and when it was
}

// The load of a comparison: enough that a cut of a tenth of a second is met.
const (
	visitorRate    = 20 * time.Millisecond // between two requests of one kind
	visitorTimeout = 10 * time.Second
)

// startVisitors asks a site all the time: pages on kept connections, the API on new ones,
// and POSTs with bodies, which are never sent again. What is returned ends the load, waits
// for what is under way and counts. Any answer below 500 counts as one that was served.
func startVisitors(ctx context.Context, url string) (stop func() visited) {
	asking, cancel := context.WithCancel(ctx)
	var sent, failed atomic.Int64
	var all sync.WaitGroup
	var once sync.Once
	var first string
	began := time.Now()
	ask := func(client *http.Client, method, path string, body []byte) {
		// A request that has begun is finished: cut off by us it would prove nothing.
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, url+path, bytes.NewReader(body))
		if err == nil {
			var resp *http.Response
			if resp, err = client.Do(req); err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				err = errors.Join(err, resp.Body.Close())
				if resp.StatusCode >= http.StatusInternalServerError {
					err = errors.New(resp.Status)
				}
			}
		}
		sent.Add(1)
		if err != nil {
			failed.Add(1)
			once.Do(func() {
				first = fmt.Sprintf("%s %s after %s: %v", method, path, time.Since(began).Round(time.Millisecond), err)
			})
		}
	}
	for _, kind := range []struct {
		method, path string
		body         []byte
		fresh        bool
	}{
		{http.MethodGet, "/", nil, false},
		{http.MethodGet, "/api/version", nil, true},
		{http.MethodPost, "/api/notes", []byte(`{"title":"a note of a measurement","body":"` + string(bytes.Repeat([]byte("x"), 4000)) + `"}`), false},
	} {
		client := &http.Client{Timeout: visitorTimeout, Transport: &http.Transport{DisableKeepAlives: kind.fresh, MaxIdleConnsPerHost: 8}}
		all.Go(func() {
			tick := time.NewTicker(visitorRate)
			defer tick.Stop()
			for {
				select {
				case <-asking.Done():
					return
				case <-tick.C:
				}
				all.Go(func() { ask(client, kind.method, kind.path, kind.body) })
			}
		})
	}
	return func() visited {
		cancel()
		all.Wait()
		return visited{sent: sent.Load(), failed: failed.Load(), first: first}
	}
}
