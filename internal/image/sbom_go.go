package image

import (
	"debug/buildinfo"
	"io"
	"runtime/debug"
	"strings"
)

// addGo adds the modules of a Go program. Any other binary has no build
// information, which is not an error.
func (s *scanner) addGo(path string, r io.ReaderAt) {
	if info, err := buildinfo.Read(r); err == nil {
		s.addGoInfo(path, info)
	}
}

func (s *scanner) addGoInfo(path string, info *debug.BuildInfo) {
	paths := []string{path}
	// Go's own version counts: the standard library is in every program.
	if v, ok := strings.CutPrefix(strings.Fields(info.GoVersion + " ")[0], "go"); ok {
		s.add(part{Kind: goPart, Name: "stdlib", Version: v, PURL: goPURL("stdlib", v), License: "BSD-3-Clause", Paths: paths})
	}
	if info.Main.Path != "" {
		v := goVersion(info.Main.Version)
		s.add(part{Kind: goMain, Name: info.Main.Path, Version: v, PURL: goPURL(info.Main.Path, v), Paths: paths})
	}
	for _, m := range info.Deps {
		name, v := m.Path, goVersion(m.Version)
		switch r := m.Replace; {
		case r == nil:
		case strings.HasPrefix(r.Path, ".") || strings.HasPrefix(r.Path, "/"):
			v = "" // a folder was compiled instead: what it held has no version
		default:
			name, v = r.Path, goVersion(r.Version) // this is what was compiled
		}
		s.add(part{Kind: goPart, Name: name, Version: v, PURL: goPURL(name, v), Paths: paths})
	}
}

// goVersion drops what is no version.
func goVersion(v string) string {
	if v == "(devel)" {
		return ""
	}
	return v
}
