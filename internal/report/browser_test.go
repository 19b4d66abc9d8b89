//go:build e2e

package report

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// A real browser: the page's own policy lets its style through, nothing is wider than the
// screen, light and dark differ and can be read, and it prints. The pictures are kept for
// people (.drydock/artifacts).
func TestInABrowser(t *testing.T) {
	path := os.Getenv("DRYDOCK_BROWSER")
	require.NotEmpty(t, path, "DRYDOCK_BROWSER is not set: run `go tool mage test:e2e`")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stopAlloc)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	file := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(file, []byte(render(t, sample())), 0o600))
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("file://"+file)))

	keep := func(name string, data []byte) {
		dir := filepath.Join(testkit.Root(t), ".drydock", "artifacts")
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	shot := func(name string) []byte {
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		keep(name, png)
		return png
	}
	theme := func(name string) {
		require.NoError(t, chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
			return err
		})))
	}
	theme("light")
	styled, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("section")).borderRadius`))
	require.NoError(t, err)
	assert.Equal(t, "12px", styled, "the policy refuses the page's own style")
	for _, width := range []int64{320, 375, 768, 1200} {
		require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)))
		over, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - innerWidth`))
		require.NoError(t, err)
		widest, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 120)).join("\n")`))
		require.NoError(t, err)
		assert.LessOrEqual(t, over, 0.0, "at %d pixels the page is wider than the screen: %s", width, widest)
		if width == 375 {
			shot("report-phone.png")
		}
	}
	light := shot("report-light.png")
	for _, scheme := range []string{"light", "dark"} {
		theme(scheme)
		worst, err := chromedp.Run(ctx, chromedp.Evaluate[float64](contrast))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, worst, 4.5, "WCAG 2.2, 1.4.3, in %s", scheme)
	}
	assert.False(t, bytes.Equal(light, shot("report-dark.png")), "dark is as light")
	require.NoError(t, chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		return err
	})))
	hidden, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("details:not(.times)")].filter(e => e.lastElementChild !== e.firstElementChild && !e.lastElementChild.checkVisibility()).map(e => e.innerHTML.slice(0, 120)).join("\n")`))
	require.NoError(t, err)
	assert.Empty(t, hidden, "paper cannot be clicked on")
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF())
	require.NoError(t, err)
	assert.True(t, bytes.HasPrefix(pdf, []byte("%PDF-")))
	keep("report.pdf", pdf)
}

// contrast is the least contrast of a text of the page with what is behind it.
const contrast = `(() => {
  const rgb = s => (s.match(/[\d.]+/g) || []).map(Number);
  const lum = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * r + .7152 * g + .0722 * b };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c } return [255, 255, 255] };
  let worst = 21;
  for (const e of document.body.querySelectorAll("*")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e), text = e.closest("svg") ? style.fill : style.color;
    const a = lum(rgb(text)), b = lum(behind(e));
    worst = Math.min(worst, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return worst;
})()`
