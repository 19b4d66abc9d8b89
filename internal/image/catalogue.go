package image

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"drydock/internal/env"
)

// recipe is how one image is made.
type recipe struct {
	Name       string
	Dockerfile string // relative to the checkout
	Context    string // relative to the checkout
	Ready      string // an image given by a setting to use instead; "" builds
	App        bool   // tagged with the product's version
	Args       map[string]string
	// Roots are images that come from elsewhere: argument to suite or reference.
	Root string // suite of Debian whose root the argument ROOT gets; "" for none
}

// argument names the image that a build argument stands for.
var argument = map[string]string{
	"BASE_TRIXIE":    "base-trixie",
	"BASE_FORKY":     "base-forky",
	"TOOLCHAIN_GO":   "toolchain-go",
	"TOOLCHAIN_NODE": "toolchain-node",
	"NGINX_BASE":     "nginx-base",
}

// catalogue is every image, in an order in which each comes after what it needs.
func catalogue(s *env.Settings) []recipe {
	ours := func(name string) recipe {
		return recipe{Name: name, Dockerfile: "docker/" + name + "/Dockerfile", Context: "docker/" + name}
	}
	base := func(suite string) recipe {
		r := ours("base")
		r.Name, r.Root = "base-"+suite, suite
		return r
	}
	with := func(r recipe, arg, value string) recipe {
		if value != "" {
			r.Args = map[string]string{arg: value}
		}
		return r
	}
	ready := func(r recipe, image string) recipe {
		r.Ready = image
		return r
	}
	gateway := ours(Gateway)
	gateway.Context = "." // it takes nginx/ from the root; its .dockerignore leaves out the rest
	backup := with(ours(Backup), "PG_MAJOR", s.Database.Version)
	backup.Context = "." // it takes cmd/backup and what that needs from the root
	probe := ours(probeName)
	probe.Context = "." // it takes cmd/probe from the root
	app := func(name string, a env.App) recipe {
		return recipe{Name: name, Dockerfile: a.Dockerfile, Context: a.Context, Ready: a.Image, App: true}
	}
	return []recipe{
		base("trixie"),
		base("forky"),
		with(ours("toolchain-go"), "GO_IMAGE", s.Build.GoImage),
		with(ours("toolchain-node"), "NODE_IMAGE", s.Build.NodeImage),
		with(ours("nginx-base"), "NGINX_IMAGE", s.Build.NginxImage),
		probe,
		app(Backend, s.Backend),
		app(Frontend, s.Frontend),
		ready(gateway, s.Gateway.Image),
		ready(with(ours(Postgres), "PG_MAJOR", s.Database.Version), s.Database.Image),
		ready(ours(Redis), s.Redis.Image),
		backup,
	}
}

func find(list []recipe, name string) (recipe, error) {
	i := slices.IndexFunc(list, func(r recipe) bool { return r.Name == name })
	if i < 0 {
		var names []string
		for _, r := range list {
			names = append(names, r.Name)
		}
		return recipe{}, fmt.Errorf("there is no image %q; there are: %s", name, strings.Join(names, ", "))
	}
	return list[i], nil
}

// ref writes a reference to one of our images.
func ref(s *env.Settings, name, tag string) string {
	return path.Join(s.Image.Prefix, name) + ":" + tag
}
