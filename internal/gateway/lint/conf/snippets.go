package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// httpLevel are directives that make a file one for the http block when they stand at
// its top: what only stands in servers or locations is a snippet, read where it is included.
var httpLevel = []string{"server", "upstream", "map", "geo", "split_clients", "limit_req_zone",
	"limit_conn_zone", "proxy_cache_path", "log_format"}

// snippets reads a folder without a main file.
func (l *loader) snippets() error {
	var names []string
	err := fs.WalkDir(l.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !d.IsDir() && (path.Ext(name) == ".conf" || path.Dir(name) == "sites-enabled") {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for nginx configuration: %w", err)
	}
	sort.Strings(names)
	found := false
	included := map[string]bool{}
	for _, name := range names {
		if f := l.file(name, "", 0); f != nil {
			noteIncludes(f.parsed, included)
		}
	}
	for _, name := range names {
		f := l.file(name, "", 0)
		if f == nil || f.broken {
			found = found || f != nil
			continue
		}
		if included[path.Base(name)] {
			continue
		}
		if slices.ContainsFunc(f.parsed, func(d *crossplane.Directive) bool { return d.Directive == "http" }) {
			// The main file has another name.
			l.c.Root.Children = nil
			l.into(l.c.Root, name, nil)
			return nil
		}
		if slices.ContainsFunc(f.parsed, func(d *crossplane.Directive) bool { return slices.Contains(httpLevel, d.Directive) }) {
			found = true
			l.into(l.c.Root, name, nil)
		}
	}
	if !found {
		return errors.New("no nginx configuration found: there is no nginx.conf, and no *.conf file with a server, an upstream or a map")
	}
	l.wrap()
	return nil
}

func noteIncludes(ds crossplane.Directives, into map[string]bool) {
	for _, d := range ds {
		if d.Directive == "include" && len(d.Args) == 1 {
			into[path.Base(d.Args[0])] = true
		}
		noteIncludes(d.Block, into)
	}
}
