//go:build integration

package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"drydock/internal/testkit"
)

// While it is turned on and off, each request gets one answer or the other.
func TestMaintenanceUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.both()
	load := testkit.StartLoad(t, testkit.Load{URL: s.url("/api/x"), Method: "POST", Body: "body", Rate: 150, Workers: 16, Timeout: 10 * time.Second,
		Check: func(status int, _ http.Header, _ []byte) error {
			if status != 200 && status != 503 {
				return assert.AnError
			}
			return nil
		}})
	docker(t, "exec", s.gateway, "sh", "-c", "i=0; while [ $i -lt 6 ]; do gateway maintenance on && gateway maintenance off || exit 1; i=$((i+1)); done")
	result := load.Stop()
	assert.Zero(t, result.Failed, "%s", result)
	assert.Positive(t, result.Statuses[200], "%s", result)
	assert.Positive(t, result.Statuses[503], "%s", result)
}
