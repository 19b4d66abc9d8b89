package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/alarm"
	"drydock/internal/env"
	"drydock/internal/notify"
	"drydock/internal/report"
	"drydock/internal/run"
	"drydock/internal/stack"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func container(service, name, state, health string) stack.Status {
	return stack.Status{Service: service, Container: name, State: state, Health: health}
}

func TestServiceStates(t *testing.T) {
	oom := container("redis", "shop-redis-1", "restarting", "")
	oom.Detail = "exit code 137, out of memory"
	list := []stack.Status{
		container("gateway", "shop-gateway-1", "running", "healthy"),
		container("frontend", "shop-frontend-1", "running", ""), // an image of the user's without a check
		container("backend", "shop-backend-1", "running", "healthy"), container("backend", "shop-backend-2", "running", "unhealthy"),
		container("db", "shop-db-1", "running", "healthy"), oom, {Service: "backup", State: "missing"},
	}
	states := serviceStates(list, map[string]int{"shop-db-1": restartsMany, "shop-gateway-1": restartsMany - 1}, 5*time.Minute)
	var got []string
	for _, a := range states {
		if assert.Equal(t, notify.ServiceFailed, a.Event); a.On {
			got = append(got, a.Key+" after "+a.After.String()+": "+a.Text)
		}
	}
	assert.Len(t, states, 6, "one for each service, so that each can end")
	assert.Equal(t, []string{
		"service backend after 5m0s: shop-backend-2 is unhealthy",
		"service db after 0s: shop-db-1 was started again 3 times within the hour",
		"service redis after 5m0s: shop-redis-1 is restarting (exit code 137, out of memory)",
		"service backup after 5m0s: backup is missing",
	}, got)
}

func TestRestartsWithinTheHour(t *testing.T) {
	var before map[string][]sample
	look := func(after time.Duration, restarts int) int {
		list := []stack.Status{{Container: "c", Restarts: restarts}, {Service: "missing"}}
		var within map[string]int
		before, within = counted(before, list, noon.Add(after))
		return within["c"]
	}
	assert.Zero(t, look(0, 40), "what was before nobody knows")
	assert.Equal(t, 1, look(10*time.Minute, 41))
	assert.Equal(t, 3, look(20*time.Minute, 43))
	assert.Equal(t, 3, look(60*time.Minute, 43))
	assert.Equal(t, 2, look(71*time.Minute, 43), "the first one is longer ago than an hour")
	assert.Zero(t, look(3*time.Hour, 43))
	assert.Zero(t, look(4*time.Hour, 0), "another container")
	assert.Equal(t, 1, look(4*time.Hour+time.Minute, 1))
	assert.Len(t, before, 1)
	assert.Less(t, len(before["c"]), 4)
}

func TestCertificateState(t *testing.T) {
	soon, later := noon.Add(24*time.Hour), noon.Add(100*24*time.Hour)
	a := certificateState(&report.Certificate{Source: "files", Expires: &soon}, noon)
	assert.True(t, a.On)
	assert.Contains(t, a.Text, "ends in")
	assert.Equal(t, "files", a.Kind)
	before := noon.Add(-24 * time.Hour)
	a = certificateState(&report.Certificate{Source: "files", Expires: &before}, noon)
	assert.True(t, a.On)
	assert.Contains(t, a.Text, "has expired")
	a = certificateState(&report.Certificate{Source: "acme", Expires: &later, Renewal: &report.Renewal{Failed: true, Error: "DNS"}}, noon)
	assert.Contains(t, a.Text, "the last renewal of the certificate failed: DNS")
	assert.False(t, certificateState(&report.Certificate{Source: "acme", Expires: &later}, noon).On)
}

// watching is a Watch whose webhook is a server; it returns what that got.
func watching(t *testing.T, status *int) (*Watch, *[]map[string]any, *bytes.Buffer) {
	t.Helper()
	got := &[]map[string]any{}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(*status)
		if *status != http.StatusOK {
			return
		}
		var m map[string]any
		text, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.NoError(t, json.Unmarshal(text, &m))
		*got = append(*got, m)
	}))
	t.Cleanup(hook.Close)
	var out bytes.Buffer
	s := &env.Settings{Root: t.TempDir(), Env: "prod", Project: "shop"}
	s.Backup.Webhook = env.Secret(hook.URL + "/very-secret-token")
	w := &Watch{Settings: s, Out: &out, Err: io.Discard, Now: func() time.Time { return noon }, Open: func(context.Context) (*stack.Stack, error) {
		return nil, errors.New("no engine there")
	}}
	return w, got, &out
}

func events(got []map[string]any) (list []string) {
	for _, m := range got {
		list = append(list, m["event"].(string)+" "+m["kind"].(string))
	}
	return list
}

// An engine that cannot be asked is told when that lasts, from a machine that has nothing else.
func TestTheEngineIsAway(t *testing.T) {
	status := http.StatusOK
	w, got, out := watching(t, &status)
	w.Settings.Alarms.After = 5 * time.Minute
	require.NoError(t, w.Check(t.Context()))
	assert.Empty(t, *got)
	assert.Equal(t, "service.failed engine (not told yet): the engine cannot be asked: no engine there\n", out.String())
	w.Now = func() time.Time { return noon.Add(6 * time.Minute) }
	require.NoError(t, w.Check(t.Context()))
	require.NoError(t, w.Check(t.Context()))
	assert.Equal(t, []string{"service.failed engine"}, events(*got))

	// The webhook is away when the reminder is due: that is a failure, and tried again.
	status = http.StatusForbidden
	w.Now = func() time.Time { return noon.Add(25 * time.Hour) }
	require.ErrorContains(t, w.Check(t.Context()), "403")
	status = http.StatusOK
	require.NoError(t, w.Check(t.Context()))
	assert.Len(t, *got, 2)

	w.Settings.Backup.Webhook = ""
	err := w.Check(t.Context())
	require.ErrorContains(t, err, "BACKUP_WEBHOOK is not set")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}

type said struct{ error }

func (said) Said() string { return "backup: pg_dump: no space left" }

func TestRunsThatNobodyLooksAt(t *testing.T) {
	status := http.StatusOK
	w, got, _ := watching(t, &status)
	end := func(name string, err error) { t.Helper(); require.NoError(t, w.Ended(t.Context(), name, err)) }
	end("backup:dump", nil)
	assert.Empty(t, *got, "what works is no news")
	end("backup:dump", said{errors.New("backup dump did not succeed (above)")})
	end("backup:dump", errors.New("again"))
	end("backup:full", run.WithCode(run.CodeBusy, errors.New("another one is at work")))
	end("backup:restoreDrill", notify.Told(errors.New("drill.failed was sent")))
	end("backup:restoreDrill", errors.New("it failed, was killed, or could not begin")) // systemd saw it, too
	assert.Equal(t, []string{"run.failed backup:dump"}, events(*got), "once a day")
	assert.Equal(t, "backup dump did not succeed (above)\nbackup: pg_dump: no space left", (*got)[0]["error"])
	end("backup:dump", run.WithCode(run.CodeBusy, errors.New("another one is at work")))
	end("backup:dump", nil)
	end("backup:dump", nil)
	assert.Equal(t, []string{"run.failed backup:dump", "run.recovered backup:dump"}, events(*got))

	// A run that was stopped is told of although its own context has ended.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, w.Ended(ctx, "backup:full", context.Canceled))
	assert.Len(t, *got, 3)
}

func TestATestMessage(t *testing.T) {
	status := http.StatusOK
	w, got, out := watching(t, &status)
	w.Settings.Deploy.Webhook = w.Settings.Backup.Webhook
	err := w.Test(t.Context())
	require.ErrorContains(t, err, "BACKUP_WEBHOOK from the backup service: no engine there")
	assert.Equal(t, []string{"test this machine", "test this machine"}, events(*got))
	assert.Contains(t, out.String(), "BACKUP_WEBHOOK from this machine: delivered to http://127.0.0.1:")
	assert.Contains(t, out.String(), "DEPLOY_WEBHOOK from this machine: delivered to http://127.0.0.1:")
	assert.NotContains(t, out.String()+err.Error(), "very-secret")

	status = http.StatusNotFound
	out.Reset()
	err = w.Test(t.Context())
	require.ErrorContains(t, err, "it answered 404 Not Found")
	assert.NotContains(t, out.String(), "delivered")
	assert.NotContains(t, err.Error(), "very-secret")

	w.Settings.Backup.Webhook, w.Settings.Deploy.Webhook = "", ""
	err = w.Test(t.Context())
	require.ErrorContains(t, err, "neither BACKUP_WEBHOOK nor DEPLOY_WEBHOOK is set")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}

// Alarms that one look could not see are left as they are.
func TestWhatIsNotSeenDoesNotEnd(t *testing.T) {
	status := http.StatusOK
	w, got, _ := watching(t, &status)
	sender, _, err := w.sender()
	require.NoError(t, err)
	book, err := w.book("alarms.json", func(e notify.Event) error { return sender.Send(t.Context(), e) })
	require.NoError(t, err)
	require.NoError(t, book.Look(alarm.State{Key: "service db", Kind: "db", Event: notify.ServiceFailed, On: true}, noon))
	require.NoError(t, sender.Close(t.Context()))
	w.Settings.Alarms.After = time.Hour
	require.NoError(t, w.Check(t.Context()))
	assert.Equal(t, "service.failed db", strings.Join(events(*got), ","))
}
