package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// Limits that no configuration written by a person reaches; beyond them a problem is
// reported instead of reading on.
const (
	maxIncludeDepth = 40
	maxNodes        = 300_000
	maxFileBytes    = 16 << 20
)

// DefaultPrefix is where nginx keeps its configuration. An absolute include below it
// is looked for in the folder that is read.
const DefaultPrefix = "/etc/nginx"

// Config is a configuration that was read. It is for one goroutine at a time.
type Config struct {
	Root     *Node
	Files    []*File   // in the order in which they were first met
	Problems []Problem // empty if everything could be read
	// Partial says that no main file was read: the files stand in an http block that
	// is made up, and what the real one holds is not known.
	Partial bool

	byName map[string]*File
	ups    map[string]*Node
	vars   map[string][]*Node
	known  map[string]valueSet
}

// File is one file of the configuration.
type File struct {
	Name     string
	Lines    []string // without line ends
	Comments []Comment
	spans    []span
	parsed   crossplane.Directives
	broken   bool
}

// Comment is a comment, without its #.
type Comment struct {
	Line int
	Text string
}

// ProblemKind tells what could not be read.
type ProblemKind string

// The kinds of a Problem.
const (
	Syntax  ProblemKind = "syntax"  // nginx would not read this file
	Missing ProblemKind = "missing" // an included file is not there
	Outside ProblemKind = "outside" // an included file is elsewhere, nobody can say what is in it
	Limit   ProblemKind = "limit"   // an include loop, or more than anybody writes
)

// Problem is something that could not be read. Text does not name the place.
type Problem struct {
	Kind ProblemKind
	File string
	Line int
	Text string
}

// Options are what Load needs to know besides the files.
type Options struct {
	// Main is the main file, or "" to look for it: nginx.conf, else every file that
	// holds servers, upstreams or maps (see Config.Partial).
	Main string
	// Prefix is the folder that an absolute path of the configuration means by the
	// root of the file system that is read; "" is DefaultPrefix.
	Prefix string
}

// Load reads the configuration. An error means that there was nothing to read at all;
// everything else that is wrong is in Config.Problems.
func Load(fsys fs.FS, o Options) (*Config, error) {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	l := &loader{fsys: fsys, o: o, c: &Config{Root: &Node{Block: true}, byName: map[string]*File{}}}
	if o.Main != "" {
		if _, err := fs.Stat(fsys, o.Main); err != nil {
			return nil, fmt.Errorf("reading the nginx configuration: %w", err)
		}
		l.into(l.c.Root, o.Main, nil)
		if l.c.Root.Last("http") == nil && l.c.Root.Last("events") == nil && l.c.Root.Last("stream") == nil {
			l.wrap()
		}
	} else if _, err := fs.Stat(fsys, "nginx.conf"); err == nil {
		l.into(l.c.Root, "nginx.conf", nil)
	} else if err := l.snippets(); err != nil {
		return nil, err
	}
	l.c.index()
	return l.c, nil
}

// Line is the text of one line, or "" if there is none.
func (c *Config) Line(file string, n int) string {
	f := c.byName[file]
	if f == nil || n < 1 || n > len(f.Lines) {
		return ""
	}
	return f.Lines[n-1]
}

// HTTP is the http block, or nil. If there are several, nginx would refuse the second.
func (c *Config) HTTP() *Node { return c.Root.Last("http") }

// Servers are the server blocks of http, in order.
func (c *Config) Servers() []*Node {
	if h := c.HTTP(); h != nil {
		return h.All("server")
	}
	return nil
}

type loader struct {
	fsys  fs.FS
	o     Options
	c     *Config
	nodes int
	full  bool
}

func (l *loader) problem(kind ProblemKind, file string, line int, format string, args ...any) {
	p := Problem{kind, file, line, fmt.Sprintf(format, args...)}
	if !slices.Contains(l.c.Problems, p) {
		l.c.Problems = append(l.c.Problems, p)
	}
}

// wrap moves what was read into an http block that nobody wrote.
func (l *loader) wrap() {
	h := &Node{Name: "http", Block: true, Parent: l.c.Root, Children: l.c.Root.Children}
	if len(h.Children) > 0 {
		h.File = h.Children[0].File
	}
	for _, c := range h.Children {
		c.Parent = h
	}
	l.c.Root.Children = []*Node{h}
	l.c.Partial = true
}

// into adds what a file holds to the children of parent.
func (l *loader) into(parent *Node, name string, stack []string) {
	f := l.file(name, "", 0)
	if f != nil {
		l.expand(parent, f, f.parsed, append(stack, name))
	}
}

func (l *loader) expand(parent *Node, f *File, ds crossplane.Directives, stack []string) {
	for _, d := range ds {
		if d.Directive == "#" {
			continue
		}
		if d.Directive == "include" && len(d.Args) == 1 {
			l.include(parent, f, d, stack)
			if l.full {
				return
			}
			continue
		}
		if l.nodes++; l.nodes > maxNodes {
			if !l.full {
				l.problem(Limit, f.Name, d.Line, "with all includes expanded there are more than %d directives", maxNodes)
			}
			l.full = true
			return
		}
		n := &Node{Name: d.Directive, File: f.Name, Line: d.Line, Block: d.Block != nil, Param: d.IsMapBlockParameter || isBody(parent),
			Args: make([]string, len(d.Args)), Parent: parent}
		for i, a := range d.Args {
			n.Args[i] = unescape(a)
		}
		if n.Param {
			n.Name = unescape(n.Name)
		}
		parent.Children = append(parent.Children, n)
		if l.expand(n, f, d.Block, stack); l.full {
			return
		}
	}
}

// isBody tells whether what stands in n are data, not directives.
func isBody(n *Node) bool {
	switch n.Name {
	case "map", "geo", "types", "split_clients", "charset_map", "geoip2", "match":
		return n.Block
	}
	return false
}

// shipped are files that come with nginx and that a project seldom keeps a copy of.
var shipped = []string{"mime.types", "fastcgi_params", "fastcgi.conf", "scgi_params", "uwsgi_params", "koi-utf", "koi-win", "win-utf", "proxy_params"}

func (l *loader) include(parent *Node, f *File, d *crossplane.Directive, stack []string) {
	pattern := unescape(d.Args[0])
	name, inside := l.local(pattern)
	if !inside {
		if !slices.Contains(shipped, path.Base(pattern)) && !strings.HasPrefix(pattern, "/usr/share/nginx/") {
			l.problem(Outside, f.Name, d.Line, "the included file %s is outside of the folder, so nothing is known about it", pattern)
		}
		return
	}
	names := []string{name}
	if strings.ContainsAny(name, "*?[") {
		var err error
		if names, err = fs.Glob(l.fsys, name); err != nil {
			l.problem(Syntax, f.Name, d.Line, "the pattern %s of the include is not valid", pattern)
			return
		}
		sort.Strings(names)
	}
	for _, name := range names {
		if slices.Contains(stack, name) {
			l.problem(Limit, f.Name, d.Line, "%s includes itself: %s", name, strings.Join(append(stack, name), " > "))
			continue
		}
		if len(stack) >= maxIncludeDepth {
			l.problem(Limit, f.Name, d.Line, "includes are nested deeper than %d", maxIncludeDepth)
			return
		}
		if in := l.file(name, f.Name, d.Line); in != nil {
			l.expand(parent, in, in.parsed, append(stack[:len(stack):len(stack)], name))
		}
		if l.full {
			return
		}
	}
}

// local turns the path of an include into one below the root of the file system.
func (l *loader) local(p string) (string, bool) {
	if path.IsAbs(p) {
		rest, ok := strings.CutPrefix(path.Clean(p), path.Clean(l.o.Prefix)+"/")
		if !ok {
			return "", false
		}
		p = rest
	} else if l.o.Main != "" {
		p = path.Join(path.Dir(l.o.Main), p)
	}
	p = path.Clean(p)
	return p, fs.ValidPath(p)
}

// file reads and parses a file once. The place is that of the include, for a problem.
func (l *loader) file(name, from string, line int) *File {
	if f, ok := l.c.byName[name]; ok {
		if f == nil && from != "" {
			l.missing(name, from, line)
		}
		return f
	}
	text, err := read(l.fsys, name)
	if err != nil {
		l.c.byName[name] = nil
		if errors.Is(err, fs.ErrNotExist) {
			l.missing(name, from, line)
		} else {
			l.problem(Missing, cmpOr(from, name), line, "%s cannot be read: %v", name, err)
		}
		return nil
	}
	f := &File{Name: name, Lines: splitLines(text)}
	l.c.byName[name] = f
	l.c.Files = append(l.c.Files, f)
	if p := check(f, text); p != nil {
		f.broken = true
		l.problem(p.Kind, name, p.Line, "%s", p.Text)
		return f
	}
	payload, err := crossplane.Parse(name, &crossplane.ParseOptions{
		SingleFile: true, ParseComments: true, SkipDirectiveContextCheck: true, SkipDirectiveArgsCheck: true,
		Open:       func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
		LexOptions: lexOptions(),
	})
	if err != nil || len(payload.Config) == 0 {
		f.broken = true
		l.problem(Syntax, name, 1, "%v", err)
		return f
	}
	f.parsed = payload.Config[0].Parsed
	for _, e := range payload.Config[0].Errors {
		at, what := 1, fmt.Sprint(e.Error)
		var pe *crossplane.ParseError
		if errors.As(e.Error, &pe) {
			what = pe.What
			if pe.BlockCtx == "otel_exporter" { // its table there is incomplete
				continue
			}
		}
		if e.Line != nil {
			at = *e.Line
		}
		l.problem(Syntax, name, at, "%s", what)
	}
	f.comments(f.parsed)
	return f
}

func (l *loader) missing(name, from string, line int) {
	if from == "" || slices.Contains(shipped, path.Base(name)) {
		return
	}
	l.problem(Missing, from, line, "the included file %s does not exist", name)
}

func read(fsys fs.FS, name string) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("it is larger than %d MiB", maxFileBytes>>20)
	}
	return text, err
}

func splitLines(text []byte) []string {
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return lines
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
