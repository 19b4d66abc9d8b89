//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/stack"
	"drydock/internal/watch"
)

// testAlarms looks at the running stack from outside, as a timer does: what is wrong is told
// once, and that it is over as well; the backup service learns that somebody looks.
func testAlarms(t *testing.T, r *running) {
	var mu sync.Mutex
	var got []string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var m struct{ Event, Kind, Error string }
		assert.NoError(t, json.NewDecoder(req.Body).Decode(&m))
		mu.Lock()
		got = append(got, strings.TrimSpace(m.Event+" "+m.Kind+" "+m.Error))
		mu.Unlock()
	}))
	t.Cleanup(hook.Close)
	took := func() (list []string) {
		mu.Lock()
		defer mu.Unlock()
		list, got = got, nil
		return list
	}
	settings := *r.Settings
	settings.Backup.Webhook = env.Secret(hook.URL + "/very-secret-token")
	settings.Alarms.After = 0
	w := &watch.Watch{Settings: &settings, Out: r.out, Err: r.out, Now: time.Now, Open: func(ctx context.Context) (*stack.Stack, error) {
		return stack.Open(ctx, &settings, strings.NewReader(""), r.out, r.out)
	}}
	check := func() {
		t.Helper()
		require.NoError(t, w.Check(t.Context()), "%s", r.out)
	}
	check()
	assert.Empty(t, took(), "a healthy stack, its certificate included")
	assert.Contains(t, docker(t, "exec", r.service(t, "backup").ID, "cat", "/var/lib/backup/watched.json"), `"host"`)

	redis := r.service(t, "redis")
	docker(t, "pause", redis.ID)
	check()
	check()
	docker(t, "unpause", redis.ID)
	list := took()
	require.NotEmpty(t, list)
	assert.Contains(t, list, "service.failed redis "+redis.Name+" is paused")
	for _, one := range list {
		assert.True(t, strings.HasPrefix(one, "service.failed "), one) // the backend needs it, and may say so
	}
	require.Eventually(t, func() bool {
		st, err := r.Status(t.Context())
		return assert.NoError(t, err) && st.Good()
	}, time.Minute, 200*time.Millisecond, "all is well again")
	check()
	assert.Contains(t, took(), "service.recovered redis")
	check()
	assert.Empty(t, took())

	// A whole way that is not there is named, and the other one was tried.
	err := w.Test(t.Context())
	require.ErrorContains(t, err, "BACKUP_WEBHOOK from the backup service")
	assert.Contains(t, r.out.String(), "the backup service has no BACKUP_WEBHOOK", "it was given none at `up`")
	assert.Equal(t, []string{"test this machine"}, took())
	assert.NotContains(t, r.out.String()+err.Error(), "very-secret")
}
