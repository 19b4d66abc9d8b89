package swarm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// LabelData marks the one node that the data is on; its value is the project.
const LabelData = "drydock.data"

// LabelHash is on the containers of a service: what the service is. It tells the tasks of
// an update from those of before.
const LabelHash = "drydock.swarm"

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
	Only     []string // services; nil: all that do not end
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
		s, err := in.service(project, name, p.Services[name])
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

// same are keys that mean the same in both.
var same = []string{
	"cap_add", "cap_drop", "command", "entrypoint", "environment", "healthcheck", "hostname", "image", "logging", "networks",
	"read_only", "stop_grace_period", "stop_signal", "user", "working_dir",
}

// gone are keys that need no translation: the order of starts, which Swarm does not know
// (every service waits for what it needs by itself), and security_opt, see the package.
var gone = []string{"depends_on", "profiles", "security_opt"}

func (in Input) service(project, name string, from object) (object, error) {
	to, deploy := object{}, object{}
	limits := object{}
	var volumes []any
	for _, key := range slices.Sorted(maps.Keys(from)) {
		value := from[key]
		switch {
		case value == nil, slices.Contains(gone, key):
		case slices.Contains(same, key):
			to[key] = value
		case key == "labels" || key == "restart" || key == "deploy":
			// below
		case key == "mem_limit":
			limits["memory"] = fmt.Sprint(value)
		case key == "pids_limit":
			limits["pids"] = value
		case key == "shm_size":
			size, err := strconv.ParseInt(fmt.Sprint(value), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("shm_size: %w", err)
			}
			volumes = append(volumes, tmpfs("/dev/shm", size))
		case key == "tmpfs":
			for _, t := range value.([]any) {
				v, err := parseTmpfs(fmt.Sprint(t))
				if err != nil {
					return nil, err
				}
				volumes = append(volumes, v)
			}
		case key == "volumes":
			for _, v := range value.([]any) {
				mount := v.(object)
				if mount["target"] == "/run/secrets" {
					continue // the swarm's own secrets are there
				}
				if mount["type"] != "volume" {
					return nil, fmt.Errorf("a mount of type %v at %v would tie it to one machine", mount["type"], mount["target"])
				}
				delete(mount, "volume")
				volumes = append(volumes, mount)
			}
		case key == "ports":
			list, err := hostPorts(value.([]any))
			if err != nil {
				return nil, err
			}
			to["ports"] = list
		default:
			return nil, fmt.Errorf("the key %q has no translation", key)
		}
	}
	if len(volumes) > 0 {
		to["volumes"] = volumes
	}
	if list := secretList(in.Secrets[name]); len(list) > 0 {
		to["secrets"] = list
	}
	in.placed(name, from, deploy)
	deploy["endpoint_mode"] = "dnsrr"
	deploy["resources"] = object{"limits": limits}
	to["deploy"] = deploy
	labels(in.Project, project, name, from, to, deploy)
	return to, nil
}

// placed says where the tasks are, how many, and how they are replaced.
func (in Input) placed(name string, from, deploy object) {
	restart, _ := from["restart"].(string)
	if restart == "no" {
		deploy["mode"] = "replicated-job"
		deploy["restart_policy"] = object{"condition": "none"}
		return
	}
	// Between tries, so that what cannot start does not keep a machine busy.
	deploy["restart_policy"] = object{"condition": "any", "delay": "2s"}
	update := object{"parallelism": 1, "order": "start-first", "failure_action": "rollback", "monitor": in.Update.Monitor}
	back := object{"parallelism": 0, "order": "start-first", "monitor": in.Update.Monitor}
	replicas := any(1)
	if d, ok := from["deploy"].(object); ok && d["replicas"] != nil {
		replicas = d["replicas"]
	}
	switch {
	case name == "gateway":
		deploy["mode"] = "global"
	case slices.Contains(data, name):
		deploy["replicas"] = replicas
		deploy["placement"] = object{"constraints": []any{"node.labels." + LabelData + " == " + in.Project}}
	default:
		deploy["replicas"] = replicas
		deploy["placement"] = object{"preferences": []any{object{"spread": "node.id"}}}
	}
	if name == "gateway" || slices.Contains(data, name) {
		// Two of them cannot have one port, or one volume.
		update["order"], back["order"] = "stop-first", "stop-first"
	}
	deploy["update_config"], deploy["rollback_config"] = update, back
}

// labels marks service and containers: as compose does, too, so that every target finds
// them on the node that it speaks to.
func labels(stack, project, name string, from, to, deploy object) {
	own := object{}
	if l, ok := from["labels"].(object); ok {
		own = maps.Clone(l)
	}
	of := maps.Clone(own)
	own["com.docker.compose.project"], own["com.docker.compose.service"] = project, name
	own["com.docker.compose.oneoff"] = "False"
	to["labels"] = own
	text, err := yaml.Marshal(to)
	if err != nil {
		panic(fmt.Sprintf("what was read as YAML can be written as YAML: %v", err))
	}
	sum := sha256.Sum256(text)
	own[LabelHash] = hex.EncodeToString(sum[:8])
	of["drydock.project"] = stack
	deploy["labels"] = of
}

// hostPorts publishes ports on each node by itself.
func hostPorts(list []any) ([]any, error) {
	var out []any
	for _, p := range list {
		port := p.(object)
		published, err := strconv.Atoi(fmt.Sprint(port["published"]))
		if err != nil {
			return nil, fmt.Errorf("the port %v: %w", port["published"], err)
		}
		out = append(out, object{"target": port["target"], "published": published, "protocol": port["protocol"], "mode": "host"})
	}
	return out, nil
}

// parseTmpfs reads /tmp:mode=1777,size=64m. Owner and mode cannot be said in a stack file;
// Swarm's tmpfs may be written by everybody, and is not shared with anybody.
func parseTmpfs(text string) (object, error) {
	path, options, _ := strings.Cut(text, ":")
	for _, o := range strings.Split(options, ",") {
		if v, ok := strings.CutPrefix(o, "size="); ok {
			size, err := bytesOf(v)
			if err != nil {
				return nil, fmt.Errorf("the tmpfs %s: %w", text, err)
			}
			return tmpfs(path, size), nil
		}
	}
	return object{"type": "tmpfs", "target": path}, nil
}

func tmpfs(path string, size int64) object {
	return object{"type": "tmpfs", "target": path, "tmpfs": object{"size": size}}
}

// bytesOf reads 64m as mount(8) does.
func bytesOf(v string) (int64, error) {
	shift := map[byte]int{'k': 10, 'm': 20, 'g': 30}[v[len(v)-1]|0x20]
	if shift > 0 {
		v = v[:len(v)-1]
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return n << shift, err
}

func secretList(list []Secret) []any {
	var out []any
	for _, x := range list {
		out = append(out, object{
			"source": x.Name, "target": x.File, "uid": strconv.Itoa(x.UID), "gid": strconv.Itoa(x.GID), "mode": int(x.Mode.Perm()),
		})
	}
	return out
}
