//go:build integration

package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// response is an answer with its body.
type response struct {
	status int
	header http.Header
	body   string
	proto  string
}

// echoed is what the echo program writes.
type echoed struct {
	ID, Method, Target, Remote, Host string
	Header                           http.Header
	BodyBytes                        int64
}

func (r response) echo() echoed {
	var e echoed
	_ = json.Unmarshal([]byte(r.body), &e) // not the echo's answer: stays zero
	return e
}

// failure is an error of the gateway in the API's form.
func (r response) failure() (code, message, requestID string) {
	var f struct {
		Error struct {
			Code, Message string
			RequestID     string `json:"request_id"`
		}
	}
	_ = json.Unmarshal([]byte(r.body), &f) // something else: stays empty
	return f.Error.Code, f.Error.Message, f.Error.RequestID
}

// do sends a request whose target is written as it is, which Go's client would clean up.
func (s *site) do(method, target string, header map[string]string, body string) response {
	s.t.Helper()
	r, err := s.try(method, target, header, body)
	require.NoError(s.t, err, "%s %.200s", method, target)
	return r
}

func (s *site) try(method, target string, header map[string]string, body string) (response, error) {
	var req strings.Builder
	fmt.Fprintf(&req, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, target, s.host)
	for name, value := range header {
		fmt.Fprintf(&req, "%s: %s\r\n", name, value)
	}
	if body != "" {
		fmt.Fprintf(&req, "Content-Length: %d\r\n", len(body))
	}
	req.WriteString("\r\n")
	req.WriteString(body)
	return s.raw(method, req.String())
}

// raw sends bytes as they are and reads one answer.
func (s *site) raw(method, text string) (response, error) {
	conn, err := net.DialTimeout("tcp", s.addr, 5*time.Second)
	if err != nil {
		return response{}, err
	}
	defer conn.Close()
	return exchange(conn, method, text)
}

func exchange(conn net.Conn, method, text string) (response, error) {
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return response{}, err
	}
	go io.WriteString(conn, text) // a refusal may come before the body is out
	return read(http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method}))
}

func read(res *http.Response, err error) (response, error) {
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(b), res.Proto}, err
}

// tlsConfig trusts the site's authority.
func (s *site) tlsConfig() *tls.Config {
	s.t.Helper()
	pem, err := os.ReadFile(s.ca)
	require.NoError(s.t, err)
	pool := x509.NewCertPool()
	require.True(s.t, pool.AppendCertsFromPEM(pem))
	return &tls.Config{RootCAs: pool, ServerName: s.host}
}

// http2 is a client that speaks nothing but HTTP/2; it reaches every host at the site.
func (s *site) http2() *http.Client {
	s.t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	tr := &http.Transport{Protocols: &protocols, TLSClientConfig: s.tlsConfig(), DisableCompression: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.secure)
		}}
	s.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second, CheckRedirect: noRedirect}
}

// do2 is do over HTTP/2.
func (s *site) do2(c *http.Client, method, target string, header map[string]string, body string) response {
	s.t.Helper()
	path, query, has := strings.Cut(target, "?")
	host := s.host
	if other, ok := header["Host"]; ok {
		host = other
	}
	req, err := http.NewRequest(method, "https://"+s.host+"/", nil)
	require.NoError(s.t, err)
	req.URL = &url.URL{Scheme: "https", Host: s.host, Opaque: "//" + host + path, RawQuery: query, ForceQuery: has}
	req.Host = host
	if body != "" {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	for name, value := range header {
		if name != "Host" {
			req.Header.Set(name, value)
		}
	}
	r, err := read(c.Do(req))
	require.NoError(s.t, err, "%s %.200s", method, target)
	require.Equal(s.t, "HTTP/2.0", r.proto)
	return r
}

// preview asks the entrance of the colour that is not active.
func (s *site) preview(target string) (response, error) {
	out, err := tryDocker("exec", s.gateway, "gateway", "get", "--preview", target)
	if err != nil && out == "" {
		return response{}, err
	}
	return response{body: out}, nil
}

// websocket opens one and returns a function that sends a text and wants it back.
func (s *site) websocket(path string) (say func(text string) error, err error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", path, s.host)
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	return func(text string) error {
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(in, got); err != nil {
			return err
		}
		if string(got) != text {
			return errors.New("other bytes came back")
		}
		return nil
	}, nil
}

// readOne reads one answer of several on a connection.
func readOne(in *bufio.Reader) (response, error) { return read(http.ReadResponse(in, nil)) }
