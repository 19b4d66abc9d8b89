package stack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"drydock/internal/env"
	"drydock/internal/gateway"
)

// entrance is where the page is.
type entrance struct {
	browser string // for a person: by the product's name, if it has one
	dial    string // host:port on this machine, whatever the name leads to
}

func entranceOf(s *env.Settings) entrance {
	var e entrance
	scheme, port, usual := "http", s.HTTP.Port, 80
	if s.Gateway.TLS != "off" && s.Gateway.Redirect { // plain HTTP only leads there
		scheme, port, usual = "https", s.HTTP.TLSPort, 443
	}
	bind, name := s.HTTP.Bind, s.HTTP.Bind
	switch bind {
	case "0.0.0.0", "127.0.0.1":
		bind, name = "127.0.0.1", "localhost"
	case "::":
		bind, name = "::1", "localhost"
	}
	if len(s.Gateway.Domains) > 0 {
		name = s.Gateway.Domains[0]
	}
	e.dial = net.JoinHostPort(bind, strconv.Itoa(port))
	host := net.JoinHostPort(name, strconv.Itoa(port))
	if port == usual {
		host = strings.TrimSuffix(host, ":"+strconv.Itoa(port))
	}
	e.browser = scheme + "://" + host
	return e
}

// client reaches the entrance by its address, and follows nothing: a redirect is the
// application's answer.
func (e entrance) client() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, e.dial)
			},
			// Whether the site is there, is the question. The certificate may be the one that
			// stands in until the authority has given its own; the report watches it.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
	}
}

// errUnavailable is an answer that maintenance would explain.
var errUnavailable = errors.New("it answered 503 Service Unavailable")

// pageAnswers asks the gateway for the page, as a browser would.
func (s *Stack) pageAnswers(ctx context.Context) error {
	if !s.Engine.Local() {
		return nil // its ports are another machine's; the health checks are what we know
	}
	e := entranceOf(s.Settings)
	client := e.client()
	defer client.CloseIdleConnections()
	wait, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	// The healths are good already, so the first answer is nearly always right; the
	// gateway may be resolving the new addresses of the apps.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for asked := false; ; {
		last = get(wait, client, e.browser+"/")
		if last == nil {
			return nil
		}
		if errors.Is(last, errUnavailable) && !asked {
			asked = true
			on, err := s.inMaintenance(ctx)
			if err != nil {
				return err
			}
			if on {
				s.say("maintenance is on: visitors see its page until `maintenance:off`")
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-wait.Done():
			return fmt.Errorf("asking for the page %s at %s: %w", e.browser, e.dial, last)
		}
	}
}

// inMaintenance asks the gateway whether it was told to turn visitors away.
func (s *Stack) inMaintenance(ctx context.Context) (bool, error) {
	c, err := s.container(ctx, "gateway")
	if err != nil {
		return false, err
	}
	state, err := (&gateway.Live{Engine: s.Engine, Container: c.ID}).State(ctx)
	if err != nil {
		return false, fmt.Errorf("asking the gateway whether it is in maintenance: %w", err)
	}
	return state.Maintenance, nil
}

// get is nil when an application answered.
func get(ctx context.Context, client *http.Client, url string) error {
	code, err := statusOf(ctx, client, url)
	switch {
	case err != nil:
		return err
	case code == http.StatusServiceUnavailable:
		return errUnavailable
	case code >= 400:
		return fmt.Errorf("it answered %d %s", code, http.StatusText(code))
	}
	return nil
}
