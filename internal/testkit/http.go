package testkit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// Answer is a whole HTTP answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Get asks once, on a connection of its own, without following redirects. Any answer
// is one; only its absence fails the test.
func Get(t testing.TB, url string) Answer {
	t.Helper()
	a, err := get(t.Context(), url)
	if err != nil {
		t.Fatalf("asking %s: %v", url, err)
	}
	return a
}

// httpWait bounds WaitHTTP.
const httpWait = time.Minute

// WaitHTTP asks again and again, with growing pauses from 20 ms to 1 s, until ok says
// yes, for a minute at most. There is no event for "this URL answers so"; for a
// container's health there is: use engine.WaitHealthy. A nil ok asks for status 200.
func WaitHTTP(t testing.TB, url string, ok func(Answer) bool) Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), httpWait)
	defer cancel()
	a, err := waitHTTP(ctx, url, ok)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func waitHTTP(ctx context.Context, url string, ok func(Answer) bool) (Answer, error) {
	if ok == nil {
		ok = func(a Answer) bool { return a.Status == http.StatusOK }
	}
	var last string
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		a, err := get(ctx, url)
		switch {
		case err == nil && ok(a):
			return a, nil
		case err == nil:
			last = fmt.Sprintf("status %d: %.300s", a.Status, a.Body)
		case ctx.Err() == nil:
			last = err.Error()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return Answer{}, fmt.Errorf("waiting for %s: %w; the last answer was %s", url, ctx.Err(), last)
		}
	}
}

func get(ctx context.Context, url string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Answer{}, err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: r.StatusCode, Header: r.Header, Body: body}, nil
}
