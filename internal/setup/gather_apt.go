package setup

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	aptLists    = "/var/lib/apt/lists"
	dpkgUpdates = "/var/lib/dpkg/updates"
)

func lookApt(ctx context.Context, o Options, s System) AptFact {
	var a AptFact
	if o.find("apt-get") == "" || o.find("dpkg-query") == "" {
		return a
	}
	a.Present = true
	a.IndexAge = indexAge(aptLists, time.Now())
	// The same sign that makes apt refuse: dpkg has a journal that it did not fold in.
	journal, err := os.ReadDir(dpkgUpdates)
	a.Interrupted = err == nil && len(journal) > 0

	names := packageNames()
	var installed, policy, targets string
	var wg sync.WaitGroup
	ask := func(into *string, name string, args ...string) {
		wg.Go(func() {
			if out, err := o.ask(ctx, "", name, args...); err == nil {
				*into = out
			}
		})
	}
	ask(&a.Arch, "dpkg", "--print-architecture")
	ask(&installed, "dpkg-query", "-W", "-f", `${db:Status-Status} ${Package} ${Version}\n`)
	// Names that apt does not know are left out of the answer; an index that was
	// never fetched gives an empty one.
	ask(&policy, "apt-cache", append([]string{"policy"}, names...)...)
	ask(&targets, "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
	wg.Wait()
	a.readInstalled(installed, names)
	a.Candidates = readPolicy(policy)
	a.Mirror = pickMirror(targets, s)
	return a
}

// readInstalled takes what dpkg-query says of every package.
func (a *AptFact) readInstalled(text string, names []string) {
	a.Installed = map[string]string{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		switch words[0] {
		case "installed":
			if slices.Contains(names, words[1]) {
				a.Installed[words[1]] = words[2]
			}
		case "unpacked", "half-configured", "half-installed":
			a.Interrupted = true
		}
	}
}

// readPolicy reads `apt-cache policy`: a package's name at the line's start, and
// below it "  Candidate: 1.2" or "  Candidate: (none)".
func readPolicy(text string) map[string]string {
	candidates := map[string]string{}
	var name string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if n, ok := strings.CutSuffix(line, ":"); ok && !strings.HasPrefix(n, " ") {
			name = n
		}
		if v, ok := strings.CutPrefix(line, "  Candidate: "); ok && v != "(none)" {
			candidates[name] = v
		}
	}
	return candidates
}

// pickMirror finds where the system's own release comes from, in lines of
// "URI suite component". Others use Debian's suite names, too (Docker, HashiCorp);
// Debian's own has a path that ends in debian, or is a list of mirrors
// (apt-transport-mirror(1)), which cloud images have.
func pickMirror(text string, s System) string {
	if s.ID != "debian" {
		return ""
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 || words[1] != s.Codename && words[1] != "stable" && words[1] != "oldstable" || words[2] != "main" {
			continue
		}
		uri := strings.TrimRight(words[0], "/")
		if strings.Contains(uri, "/debian") || strings.HasPrefix(uri, "mirror") {
			return uri
		}
	}
	return ""
}

// indexAge is the time since the last update. Every update leaves its trace in
// partial/, even one that found nothing new; the index files themselves carry the
// mirror's times.
func indexAge(lists string, now time.Time) time.Duration {
	releases, err := filepath.Glob(filepath.Join(lists, "*Release"))
	if err != nil || len(releases) == 0 {
		return NoIndex
	}
	var last time.Time
	for _, dir := range []string{lists, filepath.Join(lists, "partial")} {
		if info, err := os.Stat(dir); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return max(0, now.Sub(last))
}
