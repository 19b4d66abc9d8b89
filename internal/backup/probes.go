package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"drydock/internal/backup/logical"
)

// probeTimeout bounds one question to one service.
const probeTimeout = 10 * time.Second

// probe is a question to a service of the data network that only a working one answers.
type probe struct {
	name string
	ask  func(context.Context) error
}

func (s *Service) probes() []probe {
	list := []probe{{"db", func(ctx context.Context) error { return logical.Ping(ctx, s.Config.Server) }}}
	if a := s.Config.Redis; a != "" {
		list = append(list, probe{"redis", func(ctx context.Context) error { return askRedis(ctx, a) }})
	}
	if a := s.Config.Backend; a.host != "" {
		list = append(list, probe{"backend", func(ctx context.Context) error { return askBackend(ctx, a) }})
	}
	return list
}

// askRedis wants any answer of Redis's: without its password that is a refusal, which takes a
// working one, too.
func askRedis(ctx context.Context, address string) (err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return err
		}
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("no answer to PING: %w", err)
	}
	if line = strings.TrimSpace(line); line != "+PONG" && !strings.HasPrefix(line, "-NOAUTH") {
		return fmt.Errorf("PING was answered with %q", line)
	}
	return nil
}

// backendAddress is where the backend's health is asked for.
type backendAddress struct{ host, port, path string }

// askBackend wants one member, of whichever colour, that says it can take requests.
func askBackend(ctx context.Context, a backendAddress) error {
	members, err := net.DefaultResolver.LookupHost(ctx, a.host)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range members {
		err := askHealth(ctx, "http://"+net.JoinHostPort(m, a.port)+a.path)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// healthTimeout bounds one member, so that one that hangs leaves time for the others.
const healthTimeout = 3 * time.Second

func askHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // the status is all that is wanted
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}
