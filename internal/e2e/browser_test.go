//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

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
	require.NoError(t, chromedp.Do(ctx), "starting Chromium")
	return ctx
}

// tab opens a page in a browser context of its own: a background tab of the same one
// counts as hidden, and a hidden page closes its event stream.
func tab(t *testing.T, browser context.Context, url string) context.Context {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx), "opening a tab") // no bound here: it would be the tab's
	do(t, ctx, "opening "+url, time.Minute, chromedp.Navigate(url), visible(`[data-testid=connection][data-state=live]`))
	return ctx
}

// visible waits for an element.
func visible(css string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(chromedp.CSS(css))
}

// do runs actions within a bound; the error says what was being done.
func do(t *testing.T, ctx context.Context, what string, within time.Duration, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, within)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		look, stopLook := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stopLook()
		html, htmlErr := chromedp.Run(look, chromedp.OuterHTML(chromedp.CSS("body")))
		t.Fatalf("%s: %v\n%.2000s (%v)", what, err, html, htmlErr)
	}
}

// seen waits until a page shows a text, across reloads of the page.
func seen(t *testing.T, ctx context.Context, text string, within time.Duration) {
	t.Helper()
	bound, stop := context.WithTimeout(ctx, within)
	defer stop()
	shows := chromedp.Poll[chromedp.Void](fmt.Sprintf("document.body.innerText.includes(%q)", text), chromedp.WithPollingTimeout(0))
	for {
		_, err := chromedp.Run(bound, shows)
		if err == nil {
			return
		}
		if bound.Err() != nil || !reloaded(err) {
			do(t, ctx, "waiting for "+text+": "+err.Error(), time.Second, shows)
			return
		}
	}
}

// reloaded says whether what was asked of a page was lost because it was loaded anew: while it was
// waited for, or on its way to where the page was.
func reloaded(err error) bool {
	return strings.Contains(err.Error(), "navigated") || strings.Contains(err.Error(), "Cannot find context with specified id")
}

func addNote(t *testing.T, ctx context.Context, title string) {
	t.Helper()
	do(t, ctx, "adding a note", 30*time.Second,
		chromedp.SendKeys(chromedp.CSS(`[data-testid=new-note-title]`), title), chromedp.Click(chromedp.CSS(`[data-testid=new-note-submit]`)))
}

func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	do(t, ctx, "waiting for the page to rest", time.Minute,
		chromedp.Poll[chromedp.Void](`document.getAnimations().every(a => a.playState !== "running")`))
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err, "taking a screenshot")
	require.NoError(t, os.WriteFile(artifact(t, name), png, 0o644))
}
