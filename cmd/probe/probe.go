package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// maxLine is how much of a status line is read: an application that answers with
// anything else than HTTP must not fill our memory.
const maxLine = 1024

// probe asks the application on this machine's port for path and wants a 2xx. An
// answer of another class is no health: a redirect would be one to somewhere else.
func probe(port, path string, timeout time.Duration) (string, error) {
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("probe: PORT is %q, expected a number from 1 to 65535; set it in the container's environment", port)
	}
	if path == "" {
		path = "/"
	}
	if path[0] != '/' || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", fmt.Errorf("probe: HEALTH_PATH is %q, expected an absolute path without blanks", path)
	}
	deadline := time.Now().Add(timeout)
	c, err := dial(port, deadline)
	if err != nil {
		return "", fmt.Errorf("probe: nothing answers on port %s: %w", port, err)
	}
	defer func() { _ = c.Close() }() // the process ends now
	if err := c.SetDeadline(deadline); err != nil {
		return "", fmt.Errorf("probe: %w", err)
	}
	// Connection: close (RFC 9112, 9.6): the server need not keep a connection that
	// nobody will use again.
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost:%s\r\nUser-Agent: drydock-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n", path, port)
	if err != nil {
		return "", fmt.Errorf("probe: asking for %s: %w", path, err)
	}
	line, err := bufio.NewReader(io.LimitReader(c, maxLine)).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("probe: reading the answer to GET %s: %w", path, err)
	}
	status, err := parseStatus(line)
	if err != nil {
		return "", fmt.Errorf("probe: GET %s: %w", path, err)
	}
	if status < 200 || status > 299 {
		return "", fmt.Errorf("probe: GET %s answered %d", path, status)
	}
	return fmt.Sprintf("GET %s answered %d", path, status), nil
}

// dial tries IPv4 and then IPv6: some servers listen on [::1] only when told
// "localhost", and a resolver may be missing in a container.
func dial(port string, deadline time.Time) (net.Conn, error) {
	var errs []error
	for _, host := range []string{"127.0.0.1", "::1"} {
		d := net.Dialer{Deadline: deadline}
		c, err := d.Dial("tcp", net.JoinHostPort(host, port))
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// parseStatus reads a status line: HTTP-version SP status-code SP [reason] (RFC 9112, 4).
func parseStatus(line string) (int, error) {
	version, rest, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	if !ok || !strings.HasPrefix(version, "HTTP/1.") || len(rest) < 3 {
		return 0, fmt.Errorf("the answer is not HTTP/1: %.40q", line)
	}
	code, err := strconv.Atoi(rest[:3])
	if err != nil || code < 100 || code > 999 || len(rest) > 3 && rest[3] != ' ' {
		return 0, fmt.Errorf("the answer has no status code: %.40q", line)
	}
	return code, nil
}
