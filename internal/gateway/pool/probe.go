package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// maxProbeBody bounds what is read of a member's answer.
const maxProbeBody = 4 << 10

// Prober asks members for their health.
type Prober struct {
	client *http.Client
}

// NewProber returns a prober whose probes take no longer than timeout each. Every probe
// has a connection of its own: a kept one would say nothing about whether the member
// still accepts.
func NewProber(timeout time.Duration) *Prober {
	return &Prober{client: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10,
			DialContext: (&net.Dialer{Timeout: timeout, KeepAlive: -1}).DialContext,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Probe asks http://addr:port<path> once. Only a status of 2xx whose beginning arrived
// in time is good; a redirect is not followed and not good.
func (p *Prober) Probe(ctx context.Context, addr netip.Addr, port int, path string) error {
	url := "http://" + net.JoinHostPort(addr.String(), strconv.Itoa(port)) + path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("probing %s: %w", url, err)
	}
	req.Header.Set("User-Agent", "drydock-gateway")
	res, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, plain(err))
	}
	defer res.Body.Close()
	if _, err := io.CopyN(io.Discard, res.Body, maxProbeBody); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("GET %s: %w", path, plain(err))
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("GET %s: status %d", path, res.StatusCode)
	}
	return nil
}

// plain removes the URL and the ports of our side from an error, which would make each
// one a new text.
func plain(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
