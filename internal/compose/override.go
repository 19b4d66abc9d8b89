package compose

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"drydock/internal/env"
)

// The user's own variables (BACKEND_ENV_FOO) have names that only the settings
// know, so they come in a generated file:
//
//	services:
//	  backend:
//	    environment: {FOO: "${DRYDOCK_BACKEND_ENV_FOO}"}
//
// The values are in compose's process environment. Compose replaces ${...} once and
// does not look into what it put there, so every byte arrives. Their names carry a
// prefix, so that a variable called PATH or DOCKER_HOST reaches the container and not
// compose itself.
const (
	backendPrefix  = "DRYDOCK_BACKEND_ENV_"
	frontendPrefix = "DRYDOCK_FRONTEND_ENV_"
)

type override struct {
	Services map[string]service `yaml:"services,omitempty"`
	Networks map[string]labels  `yaml:"networks,omitempty"`
	Volumes  map[string]labels  `yaml:"volumes,omitempty"`
}

type service struct {
	Environment map[string]string `yaml:"environment,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
}

type labels struct {
	Labels map[string]string `yaml:"labels"`
}

func (s service) with(environment map[string]string) service {
	s.Environment = environment
	return s
}

func labelled(l map[string]string, names ...string) map[string]service {
	out := map[string]service{}
	for _, n := range names {
		out[n] = service{Labels: escaped(l)}
	}
	return out
}

func labelledIn(l map[string]string, names ...string) map[string]labels {
	if len(l) == 0 {
		return nil
	}
	out := map[string]labels{}
	for _, n := range names {
		out[n] = labels{Labels: escaped(l)}
	}
	return out
}

// escaped doubles each $, which compose would otherwise replace.
func escaped(l map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range l {
		out[k] = strings.ReplaceAll(v, "$", "$$")
	}
	return out
}

// userNames maps the user's own variables to where their values are, and userValues
// puts them there.
func userNames(a env.App, prefix string) map[string]string {
	out := map[string]string{}
	for _, kv := range userEnviron(a) {
		name, _, _ := strings.Cut(kv, "=")
		out[name] = "${" + prefix + name + "}"
	}
	return out
}

func userValues(a env.App, prefix string) []string {
	var out []string
	for _, kv := range userEnviron(a) {
		out = append(out, prefix+kv)
	}
	return out
}

// userEnviron is the user's own variables and the paths of the user's own secrets.
func userEnviron(a env.App) []string {
	_, paths := a.SecretFiles()
	return append(a.Environ(), paths...)
}

// yaml writes the file; map keys come out sorted, so the same settings give the same bytes.
func (o override) yaml() []byte {
	var b bytes.Buffer
	b.WriteString("# Generated from the settings; changes are lost.\n")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(o); err != nil {
		panic(fmt.Sprintf("maps of strings cannot fail to encode: %v", err))
	}
	return b.Bytes()
}
