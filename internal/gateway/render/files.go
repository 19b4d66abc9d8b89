package render

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"text/template"
	"time"
)

//go:embed templates/*.conf
var templates embed.FS

var parsed = template.Must(template.New("").Funcs(template.FuncMap{
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%ds", int64(d/time.Second)) },
	"number":  func(d time.Duration) int64 { return int64(d / time.Second) },
	"join":    func(list []string) string { return strings.Join(list, " ") },
}).Option("missingkey=error").ParseFS(templates, "templates/*.conf"))

// data is what a template sees.
type data struct {
	Values
	State
	Cert, Key string
	TLSOn     bool // TLS is wanted and its files exist
}

// EmptyPorts are the ports on which nginx answers for pools without members.
func (d data) EmptyPorts() []int {
	if d.BackendPort == d.FrontendPort {
		return []int{d.BackendPort}
	}
	return []int{d.BackendPort, d.FrontendPort}
}

// Colours is both.
func (d data) Colours() []Colour { return []Colour{Blue, Green} }

// Live is the active colour.
func (d data) Live() Colour { return d.Active }

// Idle is the colour that gets no requests, or a canary's part of them.
func (d data) Idle() Colour { return d.Active.Other() }

// part is a hundredth of the clients.
type part struct {
	Name         string
	Canary, Last bool
}

// Parts are all clients; those of a canary come first.
func (d data) Parts() []part {
	var list []part
	for i := range 100 {
		list = append(list, part{fmt.Sprintf("%02d", i), i < d.Canary.Percent, i == 99})
	}
	return list
}

// PartsDir has an empty file COLOUR/PART for each part of the clients and the colour that
// it gets. By them a worker of an earlier generation knows what holds now.
const PartsDir = "parts"

// maxFiles is enough for 30,000 proxied requests of a worker at once.
const maxFiles = 65536

// Files is how many files a worker may have open.
func (d data) Files() int { return min(d.OpenFiles, maxFiles) }

// Connections is what a worker may have of both sides; some files are its own.
func (d data) Connections() int { return max(128, min(d.Files()-64, maxFiles/2)) }

// HTTPSHost ends the address that plain HTTP leads to.
func (d data) HTTPSHost() string {
	if d.HTTPSPort == 443 {
		return ""
	}
	return fmt.Sprintf(":%d", d.HTTPSPort)
}

// Files returns the files of a generation's run/ folder by name. The same values and
// state give the same bytes.
func Files(v Values, s State) (map[string][]byte, error) {
	if !s.Active.Valid() {
		return nil, fmt.Errorf("rendering the gateway's configuration: the active colour is %q; expected blue or green", s.Active)
	}
	if s.Canary.Percent < 0 || s.Canary.Percent > 99 {
		return nil, fmt.Errorf("rendering the gateway's configuration: the canary's part is %d per cent; expected 1 to 99, or 0 for none", s.Canary.Percent)
	}
	d := data{Values: v, State: s}
	d.Cert, d.Key = v.CertFiles()
	d.TLSOn = d.Cert != "" && s.Certificate
	names, err := fs.Glob(templates, "templates/*.conf")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		var b bytes.Buffer
		name = path.Base(name)
		if err := parsed.ExecuteTemplate(&b, name, d); err != nil {
			return nil, fmt.Errorf("rendering the gateway's %s: %w", name, err)
		}
		files[name] = b.Bytes()
	}
	for _, p := range d.Parts() {
		colour := d.Live()
		if p.Canary {
			colour = d.Idle()
		}
		files[path.Join(PartsDir, string(colour), p.Name)] = nil
	}
	return files, nil
}
