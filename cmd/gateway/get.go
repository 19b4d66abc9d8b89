package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"drydock/internal/gateway/render"
	"drydock/internal/gateway/supervisor"
)

// site is where nginx serves plain HTTP, seen from inside the container.
var site = fmt.Sprintf("127.0.0.1:%d", render.HTTPPort)

// healthTime bounds the health check. It is shorter than the engine's, so that the
// reason is told before the engine kills the check.
const healthTime = 2500 * time.Millisecond

// get asks the site. The body goes to standard output; the first line and the headers
// to standard error.
func (c command) get(ctx context.Context, a arguments) error {
	path := a.words[0]
	if !strings.HasPrefix(path, "/") {
		return supervisor.WithCode(supervisor.CodeUsage, fmt.Errorf("the path is %q; expected one that begins with /", path))
	}
	network, addr := "tcp", site
	if a.flags["preview"] != "" {
		network, addr = "unix", filepath.Join(c.paths.Run, filepath.Base(render.PreviewSocket))
	}
	res, err := c.ask(ctx, network, addr, path)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", path, err)
	}
	defer res.Body.Close()
	fmt.Fprintln(c.err, res.Proto, res.Status)
	if err := res.Header.Write(c.err); err != nil {
		return err
	}
	if _, err := io.Copy(c.out, res.Body); err != nil {
		return fmt.Errorf("asking for %s: %w", path, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 399 {
		return fmt.Errorf("asking for %s: status %d", path, res.StatusCode)
	}
	return nil
}

// ask sends one request as a visitor of the first domain would; redirects are not followed.
func (c command) ask(ctx context.Context, network, addr, path string) (*http.Response, error) {
	host := "localhost"
	if domains := strings.FieldsFunc(c.getenv("DOMAIN"), func(r rune) bool { return r == ',' || r == ' ' }); len(domains) > 0 {
		host = strings.Replace(domains[0], "*.", "www.", 1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return nil, supervisor.WithCode(supervisor.CodeUsage, err)
	}
	req.Header.Set("User-Agent", "drydock-gateway")
	client := &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client.Do(req)
}

// healthy says whether nginx answers for itself and the supervisor lives.
func (c command) healthy(ctx context.Context, _ arguments) error {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	_, err := c.client().Get(ctx, "/healthz")
	if err != nil {
		return supervisor.WithCode(supervisor.CodeFailure, err)
	}
	res, err := c.ask(ctx, "tcp", site, "/healthz")
	if err != nil {
		return supervisor.WithCode(supervisor.CodeFailure, errors.Join(errors.New("nginx does not answer"), err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return supervisor.WithCode(supervisor.CodeFailure, fmt.Errorf("nginx's health check has status %d", res.StatusCode))
	}
	return c.print("healthy")
}
