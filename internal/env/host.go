package env

import (
	"io/fs"
	"path"
	"strings"
)

// facts is what the defaults from the host are made of: its files and the
// process environment. Everything is read when a key asks for it and no
// program is run: `go env` alone would cost more than all of it.
type facts struct {
	files   fs.FS
	process map[string]string
	goos    string

	apt *aptFacts // read once
}

// read returns a host's file by its absolute path. A file that isn't there or
// can't be read has nothing to say: these are only defaults.
func (f *facts) read(name string) (string, bool) {
	b, err := fs.ReadFile(f.files, strings.TrimPrefix(path.Clean(name), "/"))
	return string(b), err == nil
}

// exists reports whether an absolute path is a file.
func (f *facts) exists(name string) bool {
	info, err := fs.Stat(f.files, strings.TrimPrefix(path.Clean(name), "/"))
	return err == nil && !info.IsDir()
}

// hostProxy finds a proxy under its name in lower case, which curl and others
// read. The one in upper case is the process environment's layer.
func hostProxy(name string) func(*facts) (string, string) {
	return func(f *facts) (string, string) {
		if v := f.process[name]; v != "" {
			return v, "host: " + name + " in the process environment"
		}
		return "", ""
	}
}

// bundles is where systems keep their certificate authorities (the first four
// of crypto/x509's list).
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

func hostCA(f *facts) (string, string) {
	if v := f.process["SSL_CERT_FILE"]; v != "" && f.exists(v) {
		return v, "host: SSL_CERT_FILE in the process environment"
	}
	for _, name := range bundles {
		if f.exists(name) {
			return name, "host: " + name
		}
	}
	return "", ""
}

// hostGo is `go env NAME` without the process environment, which is a layer of
// its own: the user's go/env file (GOENV), then the one in GOROOT.
func hostGo(name string) func(*facts) (string, string) {
	return func(f *facts) (string, string) {
		file := f.process["GOENV"]
		if file == "off" {
			return "", ""
		}
		if dir := f.configDir(); file == "" && dir != "" {
			file = path.Join(dir, "go", "env")
		}
		if file == "" {
			return "", ""
		}
		text, _ := f.read(file)
		for line := range strings.Lines(text) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && key == name && value != "" {
				return value, "host: " + file
			}
		}
		return "", ""
	}
}

// configDir is os.UserConfigDir of the given environment.
func (f *facts) configDir() string {
	home := f.process["HOME"]
	if f.goos == "darwin" && home != "" {
		return path.Join(home, "Library", "Application Support")
	}
	if dir := f.process["XDG_CONFIG_HOME"]; path.IsAbs(dir) {
		return dir
	}
	if home == "" {
		return ""
	}
	return path.Join(home, ".config")
}

// hostNpm is `npm config get registry`: the environment in both letter cases,
// the user's npmrc, then the system's.
func hostNpm(f *facts) (string, string) {
	for _, name := range []string{"NPM_CONFIG_REGISTRY", "npm_config_registry"} {
		if v := f.process[name]; v != "" {
			return v, "host: " + name + " in the process environment"
		}
	}
	files := []string{f.process["NPM_CONFIG_USERCONFIG"], f.process["npm_config_userconfig"]}
	if home := f.process["HOME"]; home != "" {
		files = append(files, path.Join(home, ".npmrc"))
	}
	files = append(files, "/etc/npmrc", "/usr/local/etc/npmrc", "/usr/etc/npmrc")
	for _, file := range files {
		if file == "" {
			continue
		}
		text, _ := f.read(file)
		for line := range strings.Lines(text) {
			key, value, ok := strings.Cut(line, "=")
			if !ok || strings.TrimSpace(key) != "registry" {
				continue
			}
			value = strings.Trim(strings.TrimSpace(value), `"'`)
			// npm replaces ${NAME} in its files; one with no value stays.
			for name, content := range f.process {
				value = strings.ReplaceAll(value, "${"+name+"}", content)
			}
			if strings.HasPrefix(value, "http") {
				return value, "host: " + file
			}
		}
	}
	return "", ""
}
