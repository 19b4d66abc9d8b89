package gateway

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/gateway/lint"
)

// The backend's limits are what it is told, so that the linter sees when the gateway has others.
func TestTheBackendsLimitsAreThoseOfItsEnvironment(t *testing.T) {
	for text, want := range map[string]lint.Backend{
		`{"services":{"backend":{"environment":{"BODY_LIMIT":"3145728","BACKEND_TIMEOUT":"7s"}}}}`:  {BodyLimit: 3 << 20, Timeout: 7 * time.Second},
		`{"services":{"backend":{"environment":{"BODY_LIMIT":"10 MB","BACKEND_TIMEOUT":"soon"}}}}`:  {},
		`{"services":{"backend":{"environment":{"BODY_LIMIT":null}}}}`:                              {},
		`{"services":{"gateway":{"environment":{"BODY_LIMIT":"3145728","BACKEND_TIMEOUT":"60s"}}}}`: {},
	} {
		var c composed
		require.NoError(t, json.Unmarshal([]byte(text), &c))
		var got lint.Backend
		c.limits(&got)
		assert.Equal(t, want, got, text)
	}
}
