package routes

import (
	"fmt"

	"drydock/internal/gateway/lint/conf"
)

// Request is the question.
type Request struct {
	Method  string            `json:"method"` // "" is GET
	Scheme  string            `json:"scheme"` // http or https; "" is http
	Host    string            `json:"host"`   // the Host header, with its port if it has one
	Port    int               `json:"port"`   // of the listener; 0 is the first one with the scheme
	URI     string            `json:"uri"`    // as in the request line: /path?query, undecoded
	Headers map[string]string `json:"headers,omitempty"`
	// Exists tells whether a file (by its path below the root or alias, joined with it)
	// is there; nil leaves what depends on files undecided. The file of an `if` whose path has
	// variables that are not known is given as it is written.
	Exists func(path string) bool `json:"-"`
}

// Kind is what becomes of a request.
type Kind string

// The kinds of an outcome.
const (
	Proxy    Kind = "proxy"    // an upstream answers
	Static   Kind = "static"   // a file, if it exists
	Return   Kind = "return"   // nginx answers by itself
	Redirect Kind = "redirect" // nginx sends the client elsewhere
	Handler  Kind = "handler"  // a module answers: stub_status, njs, Lua...
	Unknown  Kind = "unknown"  // it depends on something that the configuration does not say
)

// Place is a line of the configuration.
type Place struct {
	Text string `json:"text"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

func place(n *conf.Node) *Place {
	if n == nil {
		return nil
	}
	return &Place{Text: n.String(), File: n.File, Line: n.Line}
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("%s (%s:%d)", p.Text, p.File, p.Line)
}

// Step is one decision on the way.
type Step struct {
	Text string `json:"text"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Explanation is the answer.
type Explanation struct {
	Request  Request `json:"request"`
	Server   *Place  `json:"server,omitempty"`
	Path     string  `json:"path,omitempty"`     // normalised
	Location *Place  `json:"location,omitempty"` // the last one
	Steps    []Step  `json:"steps"`
	Kind     Kind    `json:"kind"`
	Status   int     `json:"status,omitempty"`   // 0: that of the upstream or file
	Body     string  `json:"body,omitempty"`     // of a return
	To       string  `json:"to,omitempty"`       // where a redirect leads
	Upstream string  `json:"upstream,omitempty"` // scheme://host:port, or the upstream's name
	URI      string  `json:"uri,omitempty"`      // what the upstream gets as path and query
	File     string  `json:"file,omitempty"`     // the file that is served
	Depends  string  `json:"depends,omitempty"`  // what an unknown outcome depends on
	// Otherwise is what happens if File does not exist.
	Otherwise *Explanation `json:"otherwise,omitempty"`
}
