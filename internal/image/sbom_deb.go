package image

import (
	"bufio"
	"bytes"
	"strings"
)

// debPackage is a stanza of dpkg's database (deb822, dpkg-query(1)).
type debPackage struct {
	Name, Version, Arch string
	Source              string // source package, with its version where that differs
	Maintainer          string
	path                string
}

// parseDebs reads the packages that are installed. The status.d files of
// distroless images have no Status field: what is listed there is there.
func parseDebs(data []byte) []debPackage {
	var out []debPackage
	fields := map[string]string{}
	flush := func() {
		status, has := fields["Status"]
		installed := !has || strings.HasSuffix(status, " installed")
		if fields["Package"] != "" && installed {
			out = append(out, debPackage{
				Name: fields["Package"], Version: fields["Version"], Arch: fields["Architecture"],
				Source: debSource(fields["Source"], fields["Package"], fields["Version"]), Maintainer: fields["Maintainer"],
			})
		}
		clear(fields)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxText)
	for lines.Scan() {
		line := lines.Text()
		if strings.TrimSpace(line) == "" {
			flush()
			continue
		}
		if line[0] == ' ' || line[0] == '\t' { // goes on; no field needed here has lines
			continue
		}
		if key, value, ok := strings.Cut(line, ":"); ok {
			fields[key] = strings.TrimSpace(value)
		}
	}
	flush()
	return out
}

// debSource turns "glibc (2.41-1)" into "glibc@2.41-1"; "" when the source has
// the binary package's own name and version.
func debSource(field, name, version string) string {
	source, rest, _ := strings.Cut(field, " ")
	if v := strings.Trim(rest, " ()"); v != "" && v != version {
		return source + "@" + v
	}
	if source == name {
		return ""
	}
	return source
}

// osRelease is what os-release(5) says.
type osRelease struct {
	ID, Version string
}

func (s *scanner) addRelease(_ string, data []byte) error {
	values := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = strings.Trim(value, `"'`)
		}
	}
	if values["ID"] == "" {
		return nil
	}
	s.distro = osRelease{ID: values["ID"], Version: values["VERSION_ID"]}
	if s.distro.Version == "" { // testing and unstable have no number
		s.distro.Version = values["VERSION_CODENAME"]
	}
	return nil
}

func (s *scanner) readDebs(name string, data []byte) error {
	for _, d := range parseDebs(data) {
		d.path = "/" + name
		s.debs = append(s.debs, d)
	}
	return nil
}

func (s *scanner) addDebs() {
	namespace, distro := s.distro.ID, ""
	if namespace == "" {
		namespace = "debian"
	}
	if s.distro.Version != "" {
		distro = namespace + "-" + s.distro.Version
	}
	for _, d := range s.debs {
		s.add(part{
			Kind: debPart, Name: d.Name, Version: d.Version, Supplier: d.Maintainer, Paths: []string{d.path},
			// upstream is how scanners match advisories, which name source packages.
			PURL: purl("deb", namespace, strings.ToLower(d.Name), d.Version, map[string]string{"arch": d.Arch, "distro": distro, "upstream": d.Source}),
		})
	}
}
