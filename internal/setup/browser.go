package setup

import (
	"context"
	"fmt"
)

// browsers are the names under which Chromium is found, in order. Ubuntu's
// chromium-browser is last: it may be a stub that only says "use snap".
var browsers = []string{"chromium", "google-chrome-stable", "google-chrome", "headless-shell", "chrome", "chromium-browser"}

// browserPackages: Chromium, and a font, without which every text on a screenshot
// is boxes.
var browserPackages = []string{"chromium", "fonts-liberation"}

func findBrowser(o Options) string {
	for _, name := range browsers {
		if p := o.find(name); p != "" {
			return p
		}
	}
	return ""
}

// canInstallBrowser: Ubuntu has Chromium as a snap only, which runs neither in
// containers nor under most CI.
func canInstallBrowser(f Facts) bool {
	return f.Apt.Present && f.System.ID == "debian"
}

func browserHint(f Facts) string {
	if f.System.ID == "ubuntu" {
		return "install Chrome from https://www.google.com/chrome/ (Ubuntu's own Chromium is a snap)"
	}
	return "install Chromium or Chrome so that one of " + fmt.Sprint(browsers) + " is on PATH"
}

// EnsureBrowser returns the path of a Chromium for the browser tests, and installs
// it from Debian's packages when there is none.
func EnsureBrowser(ctx context.Context, o Options) (string, error) {
	return ensure(ctx, o, extra{
		what: "a browser for the tests", find: findBrowser,
		packages: browserPackages, can: canInstallBrowser, hint: browserHint,
	})
}
