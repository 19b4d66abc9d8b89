package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// timeout is a little under the 2 s that the image allows, so that the reason is printed before the engine gives up.
const timeout = 1800 * time.Millisecond

// maxAnswer is how much of an answer is repeated; the engine itself keeps 4 KiB.
const maxAnswer = 1024

// Ask returns the answer's text if the status is 2xx. It uses no proxy, whatever the environment says.
func Ask(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", url, err)
	}
	client := http.Client{
		Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if errors.Is(err, context.DeadlineExceeded) {
		return "", fmt.Errorf("asking %s: no answer within %v", url, timeout)
	}
	if err != nil {
		return "", err // names method and address already
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("asking %s: reading the answer: %w", url, err)
	}
	text := strings.TrimSpace(string(body))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", fmt.Errorf("asking %s: %s: %s", url, resp.Status, text)
	}
	return text, nil
}
