package swarm

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// LabelData marks the one node that the data is on; its value is the project.
const LabelData = "drydock.data"

// LabelHash is on the containers of a service: what the service is. It tells the tasks of
// an update from those of before.
const LabelHash = "drydock.swarm"

// LabelPassword is on the database's containers: the name of the secret with its password.
const LabelPassword = "drydock.swarm.password"

// Secret is a secret of the swarm, as a service finds it below /run/secrets.
type Secret struct {
	Name     string // in the swarm
	File     string
	UID, GID int
	Mode     fs.FileMode
}

// Input is what a stack is made of.
type Input struct {
	Project string
	// Projects are compose projects as `docker compose config` resolves them, by name.
	Projects map[string][]byte
	Secrets  map[string][]Secret // by service
	Update   Update
	Only     []string            // services; nil: all that do not end
	Commands map[string][]string // of services that end, instead of the image's
}

// Update is how Swarm replaces the tasks of a service.
type Update struct {
	Monitor string // how long a new task is watched, for example 5s
}

// data are the services that have volumes which exist once.
var data = []string{"db", "redis", "backup"}

type object = map[string]any

// Stack translates. Keys that it has no translation for are an error: a setting must not
// get lost in silence.
func Stack(in Input) ([]byte, error) {
	out := object{"version": "3.9", "services": object{}, "networks": object{}, "volumes": object{}, "secrets": object{}}
	for _, name := range slices.Sorted(maps.Keys(in.Projects)) {
		if err := in.add(out, name, in.Projects[name]); err != nil {
			return nil, fmt.Errorf("translating the compose project %s for Swarm: %w", name, err)
		}
	}
	keepUsed(out)
	var b bytes.Buffer
	b.WriteString("# Translated from the compose files; changes are lost.\n")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("writing the stack: %w", err)
	}
	return b.Bytes(), nil
}

func (in Input) add(out object, project string, text []byte) error {
	var p struct {
		Services map[string]object `yaml:"services"`
		Networks map[string]object `yaml:"networks"`
		Volumes  map[string]object `yaml:"volumes"`
	}
	if err := yaml.Unmarshal(text, &p); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		_, ends := p.Services[name]["profiles"]
		if in.Only == nil && ends || in.Only != nil && !slices.Contains(in.Only, name) {
			continue
		}
		s, err := in.service(project, name, p.Services[name], out["volumes"].(object))
		if err != nil {
			return fmt.Errorf("the service %s: %w", name, err)
		}
		out["services"].(object)[name] = s
		for _, x := range in.Secrets[name] {
			out["secrets"].(object)[x.Name] = object{"external": true}
		}
	}
	networks, volumes := out["networks"].(object), out["volumes"].(object)
	for name, n := range p.Networks {
		have, _ := networks[name].(object)
		if external(n) && have != nil {
			continue // the other project has it, with all that it is
		}
		if !external(n) {
			n["driver"] = "overlay"
			delete(n, "ipam")
		}
		networks[name] = n
	}
	for name, v := range p.Volumes {
		if !external(v) { // those are the secrets'
			volumes[name] = v
		}
	}
	return nil
}

func external(o object) bool { v, _ := o["external"].(bool); return v }

// keepUsed leaves out networks and volumes that none of the services has.
func keepUsed(out object) {
	nets, vols := map[string]bool{}, map[string]bool{}
	for _, s := range out["services"].(object) {
		service := s.(object)
		if m, ok := service["networks"].(object); ok {
			for n := range m {
				nets[n] = true
			}
		}
		if list, ok := service["volumes"].([]any); ok {
			for _, v := range list {
				if source, ok := v.(object)["source"].(string); ok {
					vols[source] = true
				}
			}
		}
	}
	maps.DeleteFunc(out["networks"].(object), func(k string, _ any) bool { return !nets[k] })
	maps.DeleteFunc(out["volumes"].(object), func(k string, _ any) bool { return !vols[k] })
}
