package engine

import (
	"github.com/docker/docker/api/types/filters"
)

// Filter selects objects; all conditions must hold. The zero value selects all.
type Filter struct {
	Labels  map[string]string // a value of "" asks only that the label exists
	Names   []string          // any of these names, exactly (images: references, * allowed)
	States  []State           // containers: any of these states
	Network string            // containers: attached to it
	Volume  string            // containers: mounting it
	Image   string            // containers: made from it or from an image built on it
}

func (f Filter) args() filters.Args {
	a := labelArgs(f.Labels)
	for _, s := range f.States {
		a.Add("status", string(s))
	}
	for key, value := range map[string]string{"network": f.Network, "volume": f.Volume, "ancestor": f.Image} {
		if value != "" {
			a.Add(key, value)
		}
	}
	return a
}

func labelArgs(labels map[string]string) filters.Args {
	a := filters.NewArgs()
	for k, v := range labels {
		if v == "" {
			a.Add("label", k)
		} else {
			a.Add("label", k+"="+v)
		}
	}
	return a
}

// OfProject selects the containers of a compose project.
func OfProject(project string) Filter {
	return Filter{Labels: map[string]string{"com.docker.compose.project": project}}
}

// OfService selects the containers of a service of a compose project, in any of the
// states; none given: in all.
func OfService(project, service string, states ...State) Filter {
	return Filter{
		Labels: map[string]string{"com.docker.compose.project": project, "com.docker.compose.service": service},
		States: states,
	}
}
