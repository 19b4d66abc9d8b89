package configure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drydock/internal/backup/configarchive"
	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/gateway"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Where things lie in the archive, below files/ and secrets/.
const (
	checkoutDir  = "checkout"
	renderedDir  = "rendered"
	deployDir    = "deploys"
	settingsJSON = "settings.json"
	imagesJSON   = "images.json"
	imagesTar    = "images.tar"
	readmeFile   = "READ-ME-FIRST.txt"

	localEnv  = "settings.env" // what the machine adds; what holds a password is among the secrets
	valuesDir = "values"
	tlsDir    = "tls"
	signerKey = "signer.pem"
)

// running is one image that a service runs.
type running struct {
	Service string `json:"service"`
	Ref     string `json:"reference"`
	ID      string `json:"id"`
}

// collect gathers the input of an archive.
func (c *Config) collect(ctx context.Context, now time.Time) (configarchive.Input, error) {
	s := c.Stack.Settings
	host, err := os.Hostname()
	if err != nil {
		return configarchive.Input{}, fmt.Errorf("asking for this machine's name: %w", err)
	}
	in := configarchive.Input{Created: now, Project: s.Project, Env: s.Env, Host: host, Images: map[string]string{}}
	images, err := c.images(ctx)
	if err != nil {
		return in, err
	}
	for _, i := range images {
		in.Images[i.Ref] = i.ID
	}
	explained := s.Explain()
	for _, step := range []func() error{
		func() error { return addJSON(&in, settingsJSON, explained) },
		func() error { return addJSON(&in, imagesJSON, images) },
		func() error { return c.checkout(ctx, &in) },
		func() error { return c.compose(ctx, &in, images) },
		func() error { return c.nginx(&in) },
		func() error { return c.deploys(ctx, &in, images) },
		func() error { return c.secrets(&in) },
	} {
		if err := step(); err != nil {
			return in, err
		}
	}
	in.Files = append(in.Files, configarchive.File{Path: readmeFile, Data: []byte(readme(s))})
	if s.Backup.Config.Images && len(in.Images) > 0 {
		refs, err := c.saved(ctx, in.Images)
		if err != nil {
			return in, err
		}
		in.Streams = append(in.Streams, configarchive.Stream{Path: imagesTar, Size: -1, Open: func() (io.ReadCloser, error) { return c.Stack.Engine.Save(ctx, refs...) }})
	}
	return in, nil
}

func addJSON(in *configarchive.Input, path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	in.Files = append(in.Files, configarchive.File{Path: path, Data: append(text, '\n')})
	return nil
}

// images are those of the environment's containers.
func (c *Config) images(ctx context.Context) ([]running, error) {
	list, err := c.Stack.Engine.Containers(ctx, engine.Filter{Labels: map[string]string{stack.LabelProject: c.Stack.Settings.Project}})
	if err != nil {
		return nil, err
	}
	all := []running{}
	for _, one := range list {
		r := running{one.Service(), one.Image, one.ImageID}
		// A container that compose did not make is a helper, such as a deploy's lock.
		if r.Service != "" && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b running) int { return strings.Compare(a.Service+a.Ref, b.Service+b.Ref) })
	return all, nil
}

// saved are the images that run, and those that a setting gives and that run with a health
// check of ours on top: without them nobody would know that the others are those. Their
// layers are in there anyway.
func (c *Config) saved(ctx context.Context, run map[string]string) ([]string, error) {
	refs := slices.Collect(maps.Keys(run))
	for _, given := range []string{c.Stack.Settings.Backend.Image, c.Stack.Settings.Frontend.Image} {
		if given == "" || slices.Contains(refs, given) || strings.Contains(given, "@") { // no archive keeps a name by digest
			continue
		}
		have, err := c.Stack.Engine.HasImage(ctx, given)
		if err != nil {
			return nil, err
		}
		if have {
			refs = append(refs, given)
		}
	}
	slices.Sort(refs)
	return refs, nil
}

// checkout adds the files that git knows or would, as they are now. They are public to
// whoever has the repository, so they are not searched for secrets.
func (c *Config) checkout(ctx context.Context, in *configarchive.Input) error {
	s := c.Stack.Settings
	out, err := files(ctx, s.Root, s.Inherited())
	if err != nil {
		return fmt.Errorf("listing the files of the checkout: %w; a configuration backup needs git", err)
	}
	seen := map[string]bool{}
	for name := range strings.SplitSeq(string(out), "\x00") {
		info, err := os.Lstat(filepath.Join(s.Root, name))
		if name == "" || seen[name] || errors.Is(err, fs.ErrNotExist) { // removed, and not committed yet
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the checkout: %w", err)
		}
		if !info.Mode().IsRegular() || strings.HasPrefix(name, ".secrets/") || strings.HasPrefix(name, ".drydock/") {
			continue
		}
		seen[name] = true
		in.Streams = append(in.Streams, configarchive.Stream{
			Path: checkoutDir + "/" + name, Mode: info.Mode().Perm() | 0o600, Size: info.Size(),
			Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(s.Root, name)) },
		})
	}
	return nil
}

// files lists what git knows or would, each ended by a zero byte. A folder that is no repository
// is looked at through an empty one beside it: what .gitignore names stays out all the same.
func files(ctx context.Context, root string, environ []string) (list []byte, err error) {
	git := func(more []string, args ...string) ([]byte, error) {
		return run.Output(ctx, run.Cmd{Name: "git", Args: args, Dir: root, Env: append(slices.Clone(environ), more...)})
	}
	words := []string{"ls-files", "-z", "--cached", "--others", "--exclude-standard"}
	if list, err = git(nil, words...); err == nil {
		return list, nil
	}
	dir, tempErr := os.MkdirTemp("", "drydock-git-*")
	if tempErr != nil {
		return nil, errors.Join(err, tempErr)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := git(nil, "init", "--quiet", "--bare", dir); err != nil {
		return nil, err
	}
	return git([]string{"GIT_DIR=" + dir, "GIT_WORK_TREE=" + root}, words...)
}

// compose adds the projects as compose resolves them, with the images that run.
func (c *Config) compose(ctx context.Context, in *configarchive.Input, images []running) error {
	s := c.Stack.Settings
	v := compose.Placeholders(s, nil)
	for _, i := range images {
		at := map[string]*string{"db": &v.Refs.DB, "redis": &v.Refs.Redis, "gateway": &v.Refs.Gateway, "backup": &v.Refs.Backup, "backend": &v.Refs.Backend, "frontend": &v.Refs.Frontend}[i.Service]
		if at != nil {
			*at = i.Ref
		}
	}
	v.Refs.Migrate = v.Refs.Backend
	runner := c.Stack.Runner()
	for name, p := range map[string]compose.Project{"base": compose.Base(s, v), "apps": compose.App(s, v)} {
		text, err := runner.Config(ctx, p)
		if err != nil {
			return err
		}
		in.Files = append(in.Files, configarchive.File{Path: renderedDir + "/compose/" + name + ".yaml", Data: text})
	}
	return nil
}

// nginx adds the gateway's configuration as the settings render it.
func (c *Config) nginx(in *configarchive.Input) error {
	source, err := gateway.Source(c.Stack.Settings.Root)
	if err != nil {
		return err
	}
	v, err := gateway.Values(c.Stack.Settings)
	if err != nil {
		return err
	}
	tree, err := gateway.Generation(source, v)
	if err != nil {
		return fmt.Errorf("rendering nginx's configuration: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		in.Files = append(in.Files, configarchive.File{Path: renderedDir + "/nginx/" + name, Data: tree[name]})
	}
	return nil
}

// deploys adds the history and the journal of deploys, where there was one.
func (c *Config) deploys(ctx context.Context, in *configarchive.Input, images []running) error {
	e, volume := c.Stack.Engine, stack.LockName(c.Stack.Settings.Project)
	if _, err := e.Volume(ctx, volume); errors.Is(err, engine.ErrNotFound) || len(images) == 0 {
		return nil
	} else if err != nil {
		return err
	}
	r, err := e.ReadVolume(ctx, images[0].ID, volume, ".")
	if err != nil {
		return err
	}
	list, err := engine.Untar(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("reading the history of deploys: %w", err)
	}
	for _, f := range list {
		name := strings.TrimPrefix(f.Name, "./")
		if name != "" && !strings.HasSuffix(name, "/") && len(f.Data) > 0 {
			in.Files = append(in.Files, configarchive.File{Path: deployDir + "/" + name, Data: f.Data})
		}
	}
	return nil
}

// secrets adds what is only ever written encrypted: every secret, what this machine adds to
// the settings, certificates, and the key that the archives are signed with.
func (c *Config) secrets(in *configarchive.Input) error {
	s := c.Stack.Settings
	add := func(path string, data []byte) {
		in.Secrets = append(in.Secrets, configarchive.File{Path: path, Data: data})
	}
	for key, v := range s.SecretValues() {
		add(valuesDir+"/"+strings.ToLower(key), []byte(v.Reveal()))
	}
	local, withPassword := s.LocalEnviron()
	for _, f := range []struct{ key, name, path string }{{"TLS_CERT", "cert.pem", s.Gateway.TLSCert}, {"TLS_KEY", "key.pem", s.Gateway.TLSKey}, {"ACME_CA", "acme-ca.pem", s.Gateway.ACMECA}} {
		if f.path == "" {
			continue
		}
		text, err := os.ReadFile(f.path)
		if err != nil {
			return fmt.Errorf("reading the file of %s: %w", f.key, err)
		}
		add(tlsDir+"/"+f.name, text)
		local = slices.DeleteFunc(local, func(kv string) bool { return strings.HasPrefix(kv, f.key+"=") })
		local = append(local, f.key+"="+filepath.ToSlash(filepath.Join(".secrets", s.Env, tlsDir, f.name)))
	}
	key, err := os.ReadFile(c.keyPath())
	if err != nil {
		return fmt.Errorf("reading the key that archives are signed with: %w", err)
	}
	add(signerKey, key)
	in.Files = append(in.Files, configarchive.File{Path: localEnv, Data: dotenv(local)})
	if len(withPassword) > 0 {
		add(localEnv, dotenv(withPassword))
	}
	return nil
}

func dotenv(environ []string) []byte {
	var text bytes.Buffer
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		fmt.Fprintf(&text, "%s=%s\n", k, env.Quote(v))
	}
	return text.Bytes()
}
