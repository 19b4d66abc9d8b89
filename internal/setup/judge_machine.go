package setup

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// Room for a first build of every image with its caches, where everything is made
// from Debian packages, and for the data of a small product.
const (
	minDisk = 5 << 30
	lowDisk = 10 << 30
)

// The Go and TypeScript builds run side by side; the stack itself needs less.
const minMemory = 2 << 30

// buildEpoch is before any machine that runs this can be: a clock behind it is
// wrong, and package signatures and certificates will be refused.
var buildEpoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// maxSkew between this machine and the engine's: log times, certificate checks and
// the reading of `--since` go wrong beyond it.
const maxSkew = time.Minute

func judgeDisk(f Facts, _ Options) (Check, bool) {
	switch d := f.Disk; {
	case d.Err != "":
		return Check{Status: Broken, Found: d.Err, Fix: "make the engine's data root readable"}, true
	case d.Path == "":
		return Check{}, false
	case d.Free < minDisk:
		return Check{Status: Broken,
			Found: fmt.Sprintf("%s free in %s, a first build needs %s", size(d.Free), d.Path, size(minDisk)),
			Fix:   "free some (docker system df; go tool mage image:prune) or move the engine's data-root"}, true
	case d.Free < lowDisk:
		return Check{Status: OK, Found: fmt.Sprintf("%s free in %s, getting low", size(d.Free), d.Path)}, true
	default:
		return Check{Status: OK, Found: fmt.Sprintf("%s free in %s", size(d.Free), d.Path)}, true
	}
}

func judgeMemory(f Facts, _ Options) (Check, bool) {
	switch {
	case f.Memory == 0:
		return Check{}, false
	case f.Memory < minMemory:
		return Check{Status: Broken, Optional: true, Found: size(f.Memory),
			Fix: "builds may be ended for want of memory under " + size(minMemory) + ": add memory or swap"}, true
	}
	return Check{Status: OK, Found: size(f.Memory)}, true
}

func judgeClock(f Facts, _ Options) (Check, bool) {
	const fix = "set it (timedatectl set-ntp true, or date -s): certificates and package signatures depend on it"
	now := f.Now.UTC().Format(time.RFC3339)
	if f.Now.Before(buildEpoch) {
		return Check{Status: Broken, Found: now + " is in the past", Fix: fix}, true
	}
	if !f.Engine.Time.IsZero() {
		if skew := f.Engine.Time.Sub(f.Engine.Asked).Abs(); skew > maxSkew {
			return Check{Status: Broken, Fix: fix,
				Found: fmt.Sprintf("%s here, the engine's differs by %s", now, skew.Round(time.Second))}, true
		}
	}
	return Check{Status: OK, Found: now}, true
}

func judgePorts(f Facts, _ Options) (Check, bool) {
	if len(f.Ports) == 0 {
		return Check{}, false
	}
	var free, taken, fixes []string
	for _, p := range f.Ports {
		switch {
		case p.Free:
			free = append(free, fmt.Sprint(p.Number))
		case p.Ours:
			free = append(free, fmt.Sprintf("%d (this project's)", p.Number))
		default:
			taken = append(taken, fmt.Sprintf("%d is taken by %s", p.Number, or(p.By, "another process")))
			if p.Setting != "" {
				fixes = append(fixes, "another "+p.Setting)
			}
		}
	}
	if len(taken) > 0 {
		return Check{Status: Broken, Found: strings.Join(taken, ", "),
			Fix: strings.Join(append([]string{"stop it"}, fixes...), ", or set ")}, true
	}
	return Check{Status: OK, Found: strings.Join(free, ", ") + " free"}, true
}

func size(bytes uint64) string { return units.BytesSize(float64(bytes)) }
