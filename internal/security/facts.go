package security

import (
	"strings"

	"drydock/internal/engine"
	"drydock/internal/env"
)

// Facts are what the rules look at.
type Facts struct {
	Mode        env.Mode
	Daemon      engine.Daemon
	Containers  []engine.Confinement
	Images      map[string]Image          // by id
	Networks    map[string]engine.Network // by name
	Dockerfiles []Dockerfile
}

// Image is an image that a container runs, with the steps it records.
type Image struct {
	engine.Image
	History []engine.Layer
}

// image is the one that a container was made from.
func (f Facts) image(c engine.Confinement) Image { return f.Images[c.ImageID] }

// linuxModule says whether the engine uses a security module of the kernel.
func (f Facts) linuxModule(name string) bool {
	for _, o := range f.Daemon.SecurityOptions {
		for field := range strings.SplitSeq(o, ",") {
			if field == "name="+name || field == name {
				return true
			}
		}
	}
	return false
}

// Finding is one fault.
type Finding struct {
	Where string `json:"where"` // a service, a network, or FILE:LINE
	What  string `json:"what"`
}

// Rule is one thing that is looked at.
type Rule struct {
	ID      string
	Source  string // who says so
	Title   string // what holds where it passes
	TitleZh string
	Why     string
	Fix     string
	Host    bool // about the machine, which is not the stack's: a note, never a failure

	Check func(Facts) []Finding
}

// Rules are all, in the order in which they are shown.
func Rules() []Rule {
	var all []Rule
	for _, group := range [][]Rule{imageRules(), containerRules(), isolationRules(), composeRules(), dockerfileRules(), hostRules()} {
		all = append(all, group...)
	}
	return all
}

// each makes a check out of one for a single container: what it returns is a fault, "" none.
func each(check func(Facts, engine.Confinement) string) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var found []Finding
		for _, c := range f.Containers {
			if what := check(f, c); what != "" {
				found = append(found, Finding{Where: c.Service(), What: what})
			}
		}
		return found
	}
}

// alone is each for checks that need nothing but the container.
func alone(check func(engine.Confinement) string) func(Facts) []Finding {
	return each(func(_ Facts, c engine.Confinement) string { return check(c) })
}

const cis = "CIS Docker Benchmark 1.6.0"
