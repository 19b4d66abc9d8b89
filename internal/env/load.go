package env

import (
	"runtime"
	"strings"
	"unicode/utf8"
)

// Load resolves every setting once, checks all of them and returns a value that
// no one has to check again. The error is a *[Problems] that lists everything
// that is wrong; then the Settings are nil and nothing was written.
//
// In dev it makes the missing passwords (see [Source.ReadOnly]).
func Load(src Source) (*Settings, error) {
	r := resolve(src)
	if err := r.problems.err(); err != nil {
		return nil, err
	}
	if !src.ReadOnly {
		r.makeSecrets()
		if err := r.problems.err(); err != nil {
			return nil, err
		}
	}
	return r.settings, nil
}

// resolver is the work of one Load.
type resolver struct {
	src      Source
	env      string
	layers   []layer
	facts    facts
	settings *Settings
	problems Problems
	bad      map[string]bool // keys whose value is wrong: no second complaint
	missing  []Key           // secrets that are made on first use
}

// resolve goes as far as it can: with problems, too, the values that are right
// are there, so that they can be shown.
func resolve(src Source) *resolver {
	r := &resolver{src: src, bad: map[string]bool{}}
	r.settings = &Settings{Root: src.Root, values: &table{byKey: map[string]Value{}, process: src.process()}}
	name, ok := environment(src, &r.problems)
	r.env, r.settings.Env = name, name
	if !ok {
		return r
	}
	r.layers = readLayers(src, name, &r.problems)
	for _, l := range r.layers[1:] {
		l.checkKeys(&r.problems)
	}
	r.facts = facts{files: src.hostFS(), process: r.layers[0].values, goos: runtime.GOOS}
	for _, k := range schema() {
		if k.Secret {
			r.secret(k, func(v Secret) error { return k.store(r.settings, v.Reveal()) })
		} else {
			r.plain(k)
		}
	}
	r.userKeys()
	r.check()
	return r
}

// find returns the value of the first layer that has the key.
func (r *resolver) find(k Key) (string, Origin) {
	for _, l := range r.layers {
		if v, ok := l.values[k.Name]; ok && (v != "" || !k.Option) {
			return v, l.origin(k.Name)
		}
		if k.Option {
			break // the process environment is its only layer
		}
	}
	if k.host != nil {
		if v, from := k.host(&r.facts); from != "" {
			return v, Origin{Note: from}
		}
	}
	if k.Name == "MODE" {
		if r.env == "dev" {
			return "dev", fromDefault
		}
		return "prod", fromDefault
	}
	return k.Default, fromDefault
}

// plain resolves one key that is no secret.
func (r *resolver) plain(k Key) {
	value, at := r.find(k)
	fix := fixOf(k)
	switch {
	case !utf8.ValidString(value):
		r.complain(at, k.Name, "the value is not UTF-8", "write it in UTF-8")
	case value == "" && !k.kind.Empty:
		r.complain(at, k.Name, "the value is empty", fix)
	default:
		if err := k.store(r.settings, value); err == errForm {
			r.complain(at, k.Name, k.wrong(value)+" is not "+k.kind.En, fix)
		} else if err != nil {
			r.complain(at, k.Name, k.wrong(value)+" "+err.Error(), fix)
		}
	}
	r.settings.values.put(Value{Key: k.Name, Group: k.Group, Value: value, Origin: at.String(), Option: k.Option})
}

func fixOf(k Key) string {
	fix := "write " + k.kind.How
	if k.Default != "" {
		fix += "; without the line it is " + k.Default
	}
	return fix
}

func (r *resolver) complain(at Origin, key, found, fix string) {
	r.bad[key] = true
	r.problems.add(at, key, found, fix)
}

// userKeys resolves BACKEND_ENV_* and the like.
func (r *resolver) userKeys() {
	for _, prefix := range []string{"BACKEND", "FRONTEND"} {
		app := r.settings.app(prefix)
		app.Env, app.Secrets = map[string]string{}, map[string]Secret{}
	}
	seen := map[string]bool{}
	for _, l := range r.layers {
		for _, key := range sortedKeys(l.values) {
			if m := userEnv.FindStringSubmatch(key); m != nil && !seen[key] {
				seen[key] = true
				r.userEnv(key, m[1], m[2], l)
			}
		}
	}
	for _, key := range r.userSecretKeys() {
		m := userSecret.FindStringSubmatch(key)
		if reservedSecrets[m[2]] {
			_, at := r.findSecret(key)
			r.complain(at, key, "the containers have a file of this name already", "choose another name, or set "+m[2])
			continue
		}
		app := r.settings.app(m[1])
		r.secret(Key{Name: key, Group: group(m[1]), Secret: true}, func(v Secret) error {
			app.Secrets[m[2]] = v
			return nil
		})
	}
	for _, prefix := range []string{"BACKEND", "FRONTEND"} {
		app := r.settings.app(prefix)
		for name := range app.Secrets {
			if _, both := app.Env[name+"_FILE"]; both {
				r.complain(Origin{Note: "settings"}, prefix+"_SECRET_"+name, prefix+"_ENV_"+name+"_FILE is set, too, and the containers can have only one of them", "remove one")
			}
		}
	}
}

func (r *resolver) userEnv(key, prefix, name string, l layer) {
	value, at := l.values[key], l.origin(key)
	by, taken := reserved[name]
	switch {
	case taken && by == "":
		r.complain(at, key, "the containers get "+name+" from Drydock", "choose another name")
	case taken:
		r.complain(at, key, "the containers get "+name+" from Drydock", "set "+strings.Replace(by, "<APP>", prefix, 1))
	case !utf8.ValidString(value):
		r.complain(at, key, "the value is not UTF-8", "write it in UTF-8")
	default:
		r.settings.app(prefix).Env[name] = value
	}
	r.settings.values.put(Value{Key: key, Group: group(prefix), Value: value, Origin: at.String()})
}
