package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// Client talks to a running supervisor over its control socket.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client of the supervisor whose control socket is at path.
func NewClient(path string) *Client {
	return &Client{socket: path, http: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}}
}

// Get asks and returns the answer's body.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, nil)
}

// Post asks for an action. body may be nil.
func (c *Client) Post(ctx context.Context, path string, values url.Values, body io.Reader) ([]byte, error) {
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	return c.do(ctx, http.MethodPost, path, body)
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://gateway"+path, body)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, WithCode(CodeUnavailable, fmt.Errorf("asking the gateway's supervisor at %s: %w; it does not run here, or not yet", c.socket, op.Err))
		}
		return nil, WithCode(CodeUnavailable, fmt.Errorf("asking the gateway's supervisor at %s: %w", c.socket, err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, WithCode(CodeUnavailable, fmt.Errorf("asking the gateway's supervisor at %s: %w", c.socket, err))
	}
	if res.StatusCode == http.StatusOK {
		return text, nil
	}
	var f Failure
	if json.Unmarshal(text, &f) == nil && f.Error != "" {
		return nil, WithCode(f.Code, errors.New(f.Error))
	}
	return nil, fmt.Errorf("asking the gateway's supervisor for %s: status %d: %.300s", path, res.StatusCode, text)
}
