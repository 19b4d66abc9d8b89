//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/report"
	"drydock/internal/testkit"
)

// testReport makes the page of the running stack and asks the gateway for it, as a browser.
func testReport(t *testing.T, r *running, chrome context.Context) {
	require.NoError(t, report.Gatherer{Stack: r.Stack}.Make(t.Context()), "%s", r.out)
	assert.Contains(t, r.out.String(), report.Path)
	page := testkit.Get(t, r.base+report.Path)
	require.Equal(t, http.StatusOK, page.Status)
	assert.Contains(t, page.Header.Get("Content-Type"), "text/html")
	assert.Equal(t, "no-store", page.Header.Get("Cache-Control"))
	assert.NotContains(t, string(page.Body), "Not known", "every part is told")
	ctx, stop := chromedp.NewContext(chrome, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx), "opening a tab")
	do(t, ctx, "opening the report", time.Minute, chromedp.Navigate(r.base+report.Path), visible("#services td .mark.good"))
	screenshot(t, ctx, "report-dev.png")
}

// testReportInProd: off, then for those who know the password, then off again.
func testReportInProd(t *testing.T, r *running) {
	ask := func(user, password string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.base+report.Path, nil)
		require.NoError(t, err)
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		answer, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		var body bytes.Buffer
		_, err = body.ReadFrom(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			assert.NotContains(t, body.String(), r.Settings.Project)
		}
		return answer.StatusCode
	}
	publish := func(password string) {
		st, settings := *r.Stack, *r.Settings
		settings.Gateway.ReportPassword = env.Secret(password)
		st.Settings = &settings
		require.NoError(t, report.Gatherer{Stack: &st}.Make(t.Context()), "%s", r.out)
	}
	publish("")
	assert.Equal(t, http.StatusNotFound, ask(report.User, ""))
	publish("correct horse: battery")
	assert.Equal(t, http.StatusUnauthorized, ask("", ""))
	assert.Equal(t, http.StatusUnauthorized, ask(report.User, "wrong"))
	assert.Equal(t, http.StatusOK, ask(report.User, "correct horse: battery"))
	publish("")
	assert.Equal(t, http.StatusNotFound, ask(report.User, "correct horse: battery"))
}
