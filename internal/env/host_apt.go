package env

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// aptFacts is what the host's apt configuration says about Debian itself.
type aptFacts struct {
	mirror, mirrorFrom     string
	security, securityFrom string
	unchecked              bool // expired indexes are accepted
	uncheckedFrom          string
}

// aptEntry is one source of packages.
type aptEntry struct {
	file      string
	uris      []string
	suites    []string
	main      bool // has the component main
	unchecked bool // check-valid-until=no
}

func hostMirror(f *facts) (string, string) {
	a := f.debian()
	return a.mirror, a.mirrorFrom
}

func hostSecurityMirror(f *facts) (string, string) {
	a := f.debian()
	return a.security, a.securityFrom
}

func hostValidUntil(f *facts) (string, string) {
	if a := f.debian(); a.mirror != "" && a.unchecked {
		return "false", a.uncheckedFrom
	}
	return "", ""
}

// debian reads the host's apt configuration, once. On anything but Debian it is
// empty: another distribution's mirror does not have Debian's packages.
func (f *facts) debian() aptFacts {
	if f.apt != nil {
		return *f.apt
	}
	f.apt = &aptFacts{}
	release, _ := f.read("/etc/os-release")
	if !slices.Contains(strings.Fields(strings.ReplaceAll(release, `"`, "")), "ID=debian") {
		return *f.apt
	}
	for _, e := range f.aptEntries() {
		f.apt.take(e)
	}
	if from := f.aptIgnoresExpiry(); from != "" {
		f.apt.unchecked, f.apt.uncheckedFrom = true, "host: "+from
	}
	return *f.apt
}

// take keeps the first source of Debian's main archive and of its security
// updates. Third parties (Docker, PostgreSQL, HashiCorp) use Debian's suite
// names, too; they are told apart by the path, which ends in debian for the real
// thing, or by the file that Debian's own installer writes.
func (a *aptFacts) take(e aptEntry) {
	own := e.file == "/etc/apt/sources.list" || path.Base(e.file) == "debian.sources" || path.Base(e.file) == "debian.list"
	for _, uri := range e.uris {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !e.main {
			continue
		}
		uri = strings.TrimRight(uri, "/")
		for _, suite := range e.suites {
			suite = strings.Trim(suite, "/")
			named := strings.Contains(u.Path, "debian")
			switch {
			case strings.HasSuffix(suite, "-security"):
				if a.security == "" && (own || named) {
					a.security, a.securityFrom = uri, "host: "+e.file
				}
			case debianSuites[suite]:
				if a.mirror == "" && own && named {
					a.mirror, a.mirrorFrom = uri, "host: "+e.file
					if e.unchecked {
						a.unchecked, a.uncheckedFrom = true, "host: "+e.file
					}
				}
			}
		}
	}
}

var debianSuites = map[string]bool{
	"stable": true, "testing": true, "unstable": true, "sid": true, "oldstable": true,
	"bullseye": true, "bookworm": true, "trixie": true, "forky": true, "duke": true,
}

// aptEntries reads sources.list and sources.list.d in apt's order
// (sources.list(5)): names with another ending than .list or .sources are ignored.
func (f *facts) aptEntries() []aptEntry {
	files := []string{"/etc/apt/sources.list"}
	names, err := fs.Glob(f.files, "etc/apt/sources.list.d/*")
	if err == nil { // the pattern is constant, so it always is
		for _, name := range names {
			files = append(files, "/"+name)
		}
	}
	var entries []aptEntry
	for _, file := range files {
		text, ok := f.read(file)
		switch {
		case !ok:
		case strings.HasSuffix(file, ".list"):
			entries = append(entries, oneLineEntries(file, text)...)
		case strings.HasSuffix(file, ".sources"):
			entries = append(entries, deb822Entries(file, text)...)
		}
	}
	return entries
}

var aptOptions = regexp.MustCompile(`^deb\s+\[([^\]]*)\]\s*`)

// oneLineEntries reads `deb [options] uri suite component...` lines.
func oneLineEntries(file, text string) []aptEntry {
	var entries []aptEntry
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		options := ""
		if m := aptOptions.FindStringSubmatch(line); m != nil {
			options = m[1]
			line = "deb " + line[len(m[0]):]
		}
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "deb" {
			continue
		}
		entries = append(entries, aptEntry{file, words[1:2], words[2:3], slices.Contains(words[3:], "main"),
			strings.Contains(options, "check-valid-until=no")})
	}
	return entries
}

// deb822Entries reads paragraphs of fields; a line that starts with a blank goes
// on with the field before it, and # starts a comment line.
func deb822Entries(file, text string) []aptEntry {
	var entries []aptEntry
	fields, last := map[string]string{}, ""
	flush := func() {
		if slices.Contains(strings.Fields(fields["types"]), "deb") && fields["enabled"] != "no" {
			entries = append(entries, aptEntry{file, strings.Fields(fields["uris"]), strings.Fields(fields["suites"]),
				slices.Contains(strings.Fields(fields["components"]), "main"), fields["check-valid-until"] == "no"})
		}
		fields, last = map[string]string{}, ""
	}
	for line := range strings.Lines(text) {
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "":
			flush()
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += " " + trimmed
		default:
			name, value, _ := strings.Cut(trimmed, ":")
			last = strings.ToLower(name)
			fields[last] = strings.TrimSpace(value)
		}
	}
	flush()
	return entries
}

var ignoresExpiry = regexp.MustCompile(`(?mi)^\s*Acquire::Check-Valid-Until\s+"?(false|no|0|off)"?\s*;`)

// aptIgnoresExpiry returns the file of apt's configuration that switches
// the check of Valid-Until off (apt.conf(5)).
func (f *facts) aptIgnoresExpiry() string {
	files := []string{"/etc/apt/apt.conf"}
	if names, err := fs.Glob(f.files, "etc/apt/apt.conf.d/*"); err == nil {
		for _, name := range names {
			files = append(files, "/"+name)
		}
	}
	for _, file := range files {
		if text, ok := f.read(file); ok && ignoresExpiry.MatchString(text) {
			return file
		}
	}
	return ""
}
