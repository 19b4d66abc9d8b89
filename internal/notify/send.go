package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"drydock/internal/run"
)

// Send delivers one message, and returns when that is done or hopeless. Use it where the
// process is about to end anyway; else Notify.
func (s *Sender) Send(ctx context.Context, e Event) error {
	if s.off() {
		return nil
	}
	message, err := s.render(e)
	if err != nil {
		return fmt.Errorf("telling %s: %w", e.Event, err)
	}
	pause := s.c.Backoff
	for n := 1; ; n++ {
		again, wait, err := s.post(ctx, message)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !again || n >= s.c.Attempts {
			return fmt.Errorf("telling %s to the webhook at %s, attempt %d of %d: %w; check %s", e.Event, s.url.Host, n, s.c.Attempts, err, s.c.Setting)
		}
		timer := time.NewTimer(min(max(pause, wait), s.c.MaxBackoff))
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("telling %s to the webhook at %s: %w", e.Event, s.url.Host, errors.Join(context.Cause(ctx), err))
		case <-timer.C:
		}
		pause = min(2*pause, s.c.MaxBackoff)
	}
}

// post is one attempt. It says whether another one may help, and how long the other side
// wants to be left alone.
func (s *Sender) post(ctx context.Context, message []byte) (again bool, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(message))
	if err != nil {
		return false, 0, errors.New("the address is not one that can be asked")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "drydock")
	resp, err := s.client.Do(req)
	if err != nil {
		return true, 0, s.hide(err)
	}
	defer resp.Body.Close()
	// Reading to the end lets the connection be used again; a bound keeps a chatty one from us.
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return false, 0, nil
	case code >= 300 && code < 400:
		to := "elsewhere"
		if u, err := resp.Location(); err == nil {
			to = u.Scheme + "://" + u.Host
		}
		return false, 0, fmt.Errorf("it redirects (%s) to %s, which is not followed; set the address to the final one", resp.Status, to)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		again = true
	}
	if seconds, e := strconv.Atoi(resp.Header.Get("Retry-After")); e == nil && seconds > 0 {
		wait = time.Duration(seconds) * time.Second
	}
	return again, wait, fmt.Errorf("it answered %s%s", resp.Status, s.quote(said))
}

// hide takes the address out of what net/http says.
func (s *Sender) hide(err error) error {
	if u := new(url.Error); errors.As(err, &u) {
		err = u.Err
	}
	if masked := run.Redact(err.Error(), s.secrets...); masked != err.Error() {
		return errors.New(masked)
	}
	return err
}

// quote is the beginning of an answer, on one line.
func (s *Sender) quote(said []byte) string {
	line := strings.Join(strings.Fields(strings.ToValidUTF8(string(said), "")), " ")
	if line = run.Redact(line, s.secrets...); line == "" {
		return ""
	}
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + " ..."
	}
	return fmt.Sprintf(": %q", line)
}
