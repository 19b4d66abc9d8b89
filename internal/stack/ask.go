package stack

import (
	"context"
	"net/http"
)

// Ask gets a path of the site through its entrance, as a visitor would, and returns the status
// of the answer. It bounds nothing: that is the context's work.
func (s *Stack) Ask(ctx context.Context, path string) (int, error) {
	e := entranceOf(s.Settings)
	client := e.client()
	defer client.CloseIdleConnections()
	return statusOf(ctx, client, e.browser+path)
}

// statusOf gets a URL; the status of the answer is all that is wanted of it.
func statusOf(ctx context.Context, client *http.Client, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
