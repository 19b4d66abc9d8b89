//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser starts a real Chromium, whose path the test target gives.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("DRYDOCK_BROWSER")
	require.NotEmpty(t, path, "DRYDOCK_BROWSER is not set: run `go tool mage test:e2e`, which installs a browser where there is none")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true), chromedp.WindowSize(1200, 800),
	)
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stopAlloc)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Run(ctx), "starting Chromium")
	return ctx
}

// tab opens a page in a browser context of its own: a background tab of the same one
// counts as hidden, and a hidden page closes its event stream.
func tab(t *testing.T, browser context.Context, url string) context.Context {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	do(t, ctx, "opening "+url, time.Minute,
		emulation.SetFocusEmulationEnabled(true), chromedp.Navigate(url), chromedp.WaitVisible(`[data-testid=connection][data-state=live]`))
	return ctx
}

// do runs actions within a bound; the error says what was being done.
func do(t *testing.T, ctx context.Context, what string, within time.Duration, actions ...chromedp.Action) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, within)
	defer stop()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var html string
		look, stopLook := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stopLook()
		_ = chromedp.Run(look, chromedp.OuterHTML("body", &html)) // more for the message; the failure is reported below
		t.Fatalf("%s: %v\n%.2000s", what, err, html)
	}
}

// seen waits until a page shows a text.
func seen(t *testing.T, ctx context.Context, text string, within time.Duration) {
	t.Helper()
	var found bool
	do(t, ctx, "waiting for "+text, within, chromedp.Poll(fmt.Sprintf("document.body.innerText.includes(%q)", text), &found,
		chromedp.WithPollingTimeout(0)))
}

func addNote(t *testing.T, ctx context.Context, title string) {
	t.Helper()
	do(t, ctx, "adding a note", 30*time.Second,
		chromedp.SendKeys(`[data-testid=new-note-title]`, title), chromedp.Click(`[data-testid=new-note-submit]`))
}

func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	var png []byte
	do(t, ctx, "taking a screenshot", 30*time.Second, chromedp.FullScreenshot(&png, 100))
	require.NoError(t, os.WriteFile(artifact(t, name), png, 0o644))
}
