package env

import (
	"slices"
	"strconv"
	"strings"
)

// Environ returns the variables of the user's own (<APP>_ENV_<NAME>) as
// NAME=value, sorted, for a container.
func (a App) Environ() []string {
	list := make([]string, 0, len(a.Env))
	for _, name := range sortedKeys(a.Env) {
		list = append(list, name+"="+a.Env[name])
	}
	return list
}

// As is the app as a container of it was started: its port, its health path, and the user's own
// variables come from there. The image has its variables itself, and secrets are those of now.
func (a App) As(container, image []string) App {
	a.Env = map[string]string{}
	for _, kv := range container {
		name, value, _ := strings.Cut(kv, "=")
		_, ours := reserved[name]
		switch {
		case name == "PORT":
			if port, err := strconv.Atoi(value); err == nil {
				a.Port = port
			}
		case name == "HEALTH_PATH":
			a.HealthPath = value
		case ours, name == "BODY_LIMIT", name == "BACKEND_TIMEOUT", slices.Contains(image, kv), strings.HasSuffix(name, "_FILE") && strings.HasPrefix(value, "/run/secrets/"):
		default:
			a.Env[name] = value
		}
	}
	return a
}

// SecretFiles returns the user's own secrets by the name of their file below
// /run/secrets, and the variables that tell the container where they are.
func (a App) SecretFiles() (files map[string]Secret, environ []string) {
	files = make(map[string]Secret, len(a.Secrets))
	for _, name := range sortedKeys(a.Secrets) {
		file := strings.ToLower(name)
		files[file] = a.Secrets[name]
		environ = append(environ, name+"_FILE=/run/secrets/"+file)
	}
	return files, environ
}

// Environ returns every key of the schema that is neither a secret nor an
// option as KEY=value, sorted: what the ${KEY} of the compose files mean.
func (s *Settings) Environ() []string {
	if s.values == nil {
		return nil
	}
	list := []string{"ENV=" + s.Env}
	for _, k := range schema() {
		if k.Secret || k.Option {
			continue
		}
		if v, ok := s.values.byKey[k.Name]; ok {
			list = append(list, k.Name+"="+v.Value)
		}
	}
	slices.Sort(list)
	return list
}

// Inherited returns what a child process may inherit of our own environment:
// all of it (PATH, HOME, DOCKER_CONFIG, SSH_AUTH_SOCK, ...) except the
// settings, which it gets resolved or not at all, and every secret.
func (s *Settings) Inherited() []string {
	if s.values == nil {
		return nil
	}
	var list []string
	for _, name := range sortedKeys(s.values.process) {
		k, ours := byName()[name]
		if ours && !k.Ambient || name == "ENV" || userPrefix(name) != "" || isSecretFile(name) {
			continue
		}
		list = append(list, name+"="+s.values.process[name])
	}
	return list
}
