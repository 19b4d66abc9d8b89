package setup

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	names := packageNames()
	if out, err := o.ask(ctx, "", "dpkg", "--print-architecture"); err == nil {
		a.Arch = out
	}
	if out, err := o.ask(ctx, "", "dpkg-query", "-W", "-f", `${db:Status-Status} ${Package} ${Version}\n`); err == nil {
		a.readInstalled(out, names)
	}
	// The same sign that makes apt refuse: dpkg has a journal that it did not fold in.
	if entries, err := os.ReadDir(dpkgUpdates); err == nil && len(entries) > 0 {
		a.Interrupted = true
	}
	// Names that apt does not know are left out of the answer; an index that was
	// never fetched gives an empty one.
	if out, err := o.ask(ctx, "", "apt-cache", append([]string{"policy"}, names...)...); err == nil {
		a.Candidates = readPolicy(out)
	}
	if out, err := o.ask(ctx, "", "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"); err == nil {
		a.Mirror = pickMirror(out, s)
	}
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
