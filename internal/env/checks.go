package env

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// check looks at what no single key can know.
func (r *resolver) check() {
	s := r.settings
	r.checkSource("BACKEND", s.Backend)
	r.checkSource("FRONTEND", s.Frontend)
	r.checkPorts()
	r.checkMemory()
	r.checkTLS()
	r.checkProject()
	r.checkPhysical()
	r.checkRPO()
	r.checkSwarm()
	if s.Mode == Prod {
		r.checkStrength("DB_PASSWORD", s.Database.Password, s.Database.User, s.Database.Name, s.Project)
		r.checkStrength("REDIS_PASSWORD", s.Redis.Password, s.Database.User, s.Database.Name, s.Project)
	}
}

// at is the origin of a resolved key, for a problem.
func (r *resolver) at(key string) Origin {
	for _, l := range r.layers {
		if _, ok := l.values[key]; ok {
			return l.origin(key)
		}
	}
	return fromDefault
}

// checkSource wants the sources of an app, unless a ready image takes their place.
func (r *resolver) checkSource(prefix string, app App) {
	if app.Image != "" {
		return
	}
	for _, c := range []struct {
		key, path string
		dir       bool
	}{{prefix + "_CONTEXT", app.Context, true}, {prefix + "_DOCKERFILE", app.Dockerfile, false}} {
		if r.bad[c.key] || c.path == "" {
			continue
		}
		info, err := os.Stat(r.settings.Path(c.path))
		fix := "give the path from the root of the checkout, or set " + prefix + "_IMAGE to a ready image"
		switch {
		case err != nil:
			r.complain(r.at(c.key), c.key, quoted(c.path)+" cannot be read ("+bare(err).Error()+")", fix)
		case info.IsDir() && !c.dir:
			r.complain(r.at(c.key), c.key, quoted(c.path)+" is a folder, not a file", fix)
		case !info.IsDir() && c.dir:
			r.complain(r.at(c.key), c.key, quoted(c.path)+" is a file, not a folder", fix)
		}
	}
}

// checkPorts wants a port of its own for everything that is published.
func (r *resolver) checkPorts() {
	s := r.settings
	type published struct {
		key  string
		port int
	}
	list := []published{{"HTTP_PORT", s.HTTP.Port}}
	if s.Gateway.TLS != "off" {
		list = append(list, published{"HTTPS_PORT", s.HTTP.TLSPort})
	}
	if s.Mode == Dev {
		list = append(list, published{"DB_PORT", s.Database.Port}, published{"REDIS_PORT", s.Redis.Port})
	}
	taken := map[int]string{}
	for _, p := range list {
		if p.port == 0 {
			continue
		}
		if by := taken[p.port]; by != "" {
			r.complain(r.at(p.key), p.key, fmt.Sprintf("%d is the port of %s, too", p.port, by), "choose another port")
		}
		taken[p.port] = p.key
	}
}

func (r *resolver) checkMemory() {
	limit, err := MemoryBytes(r.settings.Redis.Memory)
	data, err2 := MemoryBytes(r.settings.Redis.MaxMemory)
	if err == nil && err2 == nil && data >= limit {
		r.complain(r.at("REDIS_MAXMEMORY"), "REDIS_MAXMEMORY", fmt.Sprintf("%s is not less than REDIS_MEMORY (%s)", r.settings.Redis.MaxMemory, r.settings.Redis.Memory),
			"take about three quarters of REDIS_MEMORY, or Redis is killed before it evicts")
	}
}

// checkTLS wants what each source of a certificate needs.
func (r *resolver) checkTLS() {
	g := r.settings.Gateway
	switch g.TLS {
	case "files":
		for _, f := range []struct{ key, path string }{{"TLS_CERT", g.TLSCert}, {"TLS_KEY", g.TLSKey}} {
			if f.path == "" && !r.bad[f.key] {
				r.complain(r.at("TLS"), f.key, "it is not set, and TLS is files", "set "+f.key+" to the path of a PEM file")
			}
		}
	case "acme":
		if len(g.Domains) == 0 && !r.bad["DOMAIN"] {
			r.complain(r.at("TLS"), "DOMAIN", "it is not set, and TLS is acme", "set DOMAIN to the host names of the certificate")
		}
		for _, name := range g.Domains {
			if strings.HasPrefix(name, "*.") {
				r.complain(r.at("DOMAIN"), "DOMAIN", quoted(name)+" stands for many names, and the authority asks each one by HTTP", "list the names, or get a wildcard certificate elsewhere and set TLS to files")
			}
		}
	case "off":
		if g.Redirect {
			r.complain(r.at("HTTP_REDIRECT"), "HTTP_REDIRECT", "plain HTTP cannot lead to HTTPS while TLS is off", "set TLS to local, files or acme, or HTTP_REDIRECT to false")
		}
	}
}

// checkProject refuses a project name that another environment has: on one
// engine the two would share containers and data.
func (r *resolver) checkProject() {
	others, err := Environments(r.src.Root)
	if err != nil || r.bad["PROJECT"] {
		return // the folder was read before; a second complaint helps no one
	}
	at := r.at("PROJECT")
	for _, ending := range []string{"-blue", "-green", "-drill"} {
		if strings.HasSuffix(r.settings.Project, ending) {
			r.complain(at, "PROJECT", fmt.Sprintf("%q ends in %s", r.settings.Project, ending),
				"choose another ending: a deploy or a drill of the project "+quoted(strings.TrimSuffix(r.settings.Project, ending))+" makes and removes what has that name")
		}
	}
	for _, other := range others {
		if other == r.env {
			continue
		}
		name, from := r.projectOf(other)
		if name != r.settings.Project {
			continue
		}
		found := fmt.Sprintf("%q is the name of environment %s, too (%s)", name, other, from)
		const why = ": two environments of one name share containers and data"
		switch {
		case from.File == shared && (at == fromProcess || r.elsewhere()):
			// A name that was said with the command, and an engine on another machine, can
			// both be meant: the files cannot know.
		case at.File == shared && from.File != shared:
			r.complain(at, "PROJECT", found, "write another name into .env."+r.env+".local"+why)
		case at.File == shared:
			r.complain(at, "PROJECT", found+", since "+shared+" counts for all of them",
				"move the line to .env."+r.env+".local, or to .env."+other+".local if that is whose name it is"+why)
		case at == fromProcess:
			r.complain(at, "PROJECT", found, "give another name with the command"+why)
		case at.File == "":
			r.complain(at, "PROJECT", found, "choose another name in env/"+r.env+".env"+why)
		default:
			r.complain(at, "PROJECT", found, "choose another name in "+at.File+why)
		}
	}
}

// projectOf is the project name that another environment loads. What is wrong there its own
// check tells. The process environment is left out: it is this command's.
func (r *resolver) projectOf(other string) (string, Origin) {
	var ignored Problems
	for _, file := range files(other) {
		if l, ok := readLayer(r.src.Root, file, &ignored); ok {
			if name, set := l.values["PROJECT"]; set {
				return name, l.origin("PROJECT")
			}
		}
	}
	return byName()["PROJECT"].Default, fromDefault
}

// elsewhere says whether this command works on the engine of another machine.
func (r *resolver) elsewhere() bool {
	host := r.settings.Options.Host
	return host != "" && !strings.HasPrefix(host, "unix://")
}

func (r *resolver) checkStrength(key string, password Secret, names ...string) {
	if password == "" || r.bad[key] {
		return
	}
	if why := weakness(password.Reveal(), names...); why != "" {
		_, at := r.findSecret(key)
		if at == fromNowhere {
			at = Origin{File: filepath.ToSlash(secretFile(r.env, key))}
		}
		r.complain(at, key, "the secret "+why, "choose a strong one: "+strings.Join([]string{
			"remove this one and run `ENV=" + r.env + " go tool mage env:secrets`",
			"or take the output of `openssl rand -base64 24`"}, ", "))
	}
}
