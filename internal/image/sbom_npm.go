package image

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// isNpmLock picks lock files of programs, not those that packages happen to
// ship. node_modules/.package-lock.json is npm's record of what it installed.
func isNpmLock(name string) bool {
	inside := strings.Contains("/"+path.Dir(name)+"/", "/node_modules/")
	switch path.Base(name) {
	case "package-lock.json", "npm-shrinkwrap.json":
		return !inside
	case ".package-lock.json":
		return path.Base(path.Dir(name)) == "node_modules" && strings.Count("/"+name, "/node_modules/") == 1
	}
	return false
}

// npmLock is a package-lock.json of version 2 or 3, or a CycloneDX document as
// `npm sbom` writes it. https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json
type npmLock struct {
	BOMFormat  string `json:"bomFormat"`
	Components []struct {
		Group, Name, Version string
		Scope                string
	} `json:"components"`

	LockfileVersion int `json:"lockfileVersion"`
	Packages        map[string]struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		License any    `json:"license"` // old packages have a list or an object
		Dev     bool   `json:"dev"`
		Link    bool   `json:"link"`
	} `json:"packages"`
}

func (s *scanner) addNpm(from string, data []byte) error {
	var lock npmLock
	if err := json.Unmarshal(data, &lock); err != nil {
		return fmt.Errorf("reading npm packages from %s: %w", from, err)
	}
	switch {
	case lock.BOMFormat == "CycloneDX":
		for _, c := range lock.Components {
			name := c.Name
			if c.Group != "" {
				name = c.Group + "/" + c.Name
			}
			s.addNpmPackage(from, name, c.Version, "", c.Scope == "excluded")
		}
		return nil
	case lock.LockfileVersion < 2:
		return fmt.Errorf("reading npm packages from %s: lock file version %d is not known here; npm 7 and newer write 2 or 3", from, lock.LockfileVersion)
	}
	for at, p := range lock.Packages {
		i := strings.LastIndex(at, "node_modules/")
		if i < 0 || p.Link || p.Version == "" { // the program itself, a workspace
			continue
		}
		name := at[i+len("node_modules/"):]
		if p.Name != "" { // installed under an alias
			name = p.Name
		}
		license, _ := p.License.(string)
		s.addNpmPackage(from, name, p.Version, license, p.Dev)
	}
	return nil
}

func (s *scanner) addNpmPackage(from, name, version, license string, dev bool) {
	s.add(part{Kind: npmPart, Name: name, Version: version, PURL: npmPURL(name, version), License: license, Paths: []string{from}, Dev: dev})
}
