package swarm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// same are keys that mean the same in both.
var same = []string{
	"cap_add", "cap_drop", "command", "entrypoint", "environment", "extra_hosts", "healthcheck", "hostname", "image", "init", "logging",
	"networks", "read_only", "stop_grace_period", "stop_signal", "sysctls", "ulimits", "user", "working_dir",
}

// gone are keys that need no translation: the order of starts, which Swarm does not know
// (every service waits for what it needs by itself), and security_opt, see the package.
var gone = []string{"depends_on", "profiles", "security_opt"}

// service translates one; made gets the volumes that it needs besides its own.
func (in Input) service(project, name string, from, made object) (object, error) {
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
				if path, options, owned := ownedTmpfs(fmt.Sprint(t)); owned {
					volume := name + strings.ReplaceAll(path, "/", "-")
					made[volume] = object{"driver": "local", "driver_opts": object{"type": "tmpfs", "device": "tmpfs", "o": options}}
					volumes = append(volumes, object{"type": "volume", "source": volume, "target": path})
					continue
				}
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
	if command := in.Commands[name]; command != nil {
		// The stack file is interpolated once more.
		var words []any
		for _, w := range command {
			words = append(words, strings.ReplaceAll(w, "$", "$$"))
		}
		to["command"] = words
	}
	in.placed(name, from, deploy)
	deploy["endpoint_mode"] = "dnsrr"
	deploy["resources"] = object{"limits": limits}
	to["deploy"] = deploy
	in.labels(project, name, from, to, deploy)
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
func (in Input) labels(project, name string, from, to, deploy object) {
	own := object{}
	if l, ok := from["labels"].(object); ok {
		own = maps.Clone(l)
	}
	of := maps.Clone(own)
	own["com.docker.compose.project"], own["com.docker.compose.service"] = project, name
	own["com.docker.compose.oneoff"] = "False"
	for _, x := range in.Secrets[name] {
		if name == "db" && x.File == "db_password" {
			own[LabelPassword] = x.Name
		}
	}
	to["labels"] = own
	text, err := yaml.Marshal(to)
	if err != nil {
		panic(fmt.Sprintf("what was read as YAML can be written as YAML: %v", err))
	}
	sum := sha256.Sum256(text)
	own[LabelHash] = hex.EncodeToString(sum[:8])
	of["drydock.project"] = in.Project
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

// ownedTmpfs says whether a tmpfs has an owner. Swarm would give it the one of the image's
// folder, so that is a volume in memory instead.
func ownedTmpfs(text string) (path, options string, owned bool) {
	path, options, _ = strings.Cut(text, ":")
	return path, options, strings.Contains(","+options, ",uid=")
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
