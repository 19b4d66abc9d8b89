package bench

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/nested"
	"drydock/internal/run"
)

const (
	coldScene = "from an empty machine to the page, by phase"
	coldName  = "drydock-bench-cold"
	coldRoot  = "/checkout"
)

// phases are what somebody waits for who begins with a clone; each is a script in the checkout.
var phases = []struct{ name, script string }{
	{"Go, from Debian's archive", "sh scripts/install-go.sh"},
	{"the targets, downloaded and compiled", "go tool mage -l"},
	{"setup: packages, the Engine started", "go tool mage setup"},
	{"build: bases, toolchains, images", "go tool mage build"},
	{"up: the stack started, until the page answers", "go tool mage up"},
}

// Cold measures each phase of a first start on a machine with nothing but Debian's required
// packages: a container with an Engine of its own. It is done once, since each takes minutes, and
// depends on the line to the mirrors as much as on anything here.
func Cold(ctx context.Context, o DeployOptions, s *env.Settings) (rows []Row, err error) {
	const what = "measuring a first start"
	c := &cold{e: o.Engine, s: s, labels: map[string]string{label: coldName}}
	if err := c.remove(ctx); err != nil { // what a run left that was killed
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute) // it holds gigabytes
		defer cancel()
		err = errors.Join(err, c.remove(clean))
	}()
	if err := c.start(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	total, took := 0.0, make([]float64, len(phases))
	for i, p := range phases {
		_, _ = fmt.Fprintf(o.Err, "a first start: %s\n", p.name) // narration
		begin := time.Now()
		if err := c.sh(ctx, "cd "+coldRoot+"\n"+p.script); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", what, p.name, err)
		}
		took[i] = time.Since(begin).Seconds()
		total += took[i]
	}
	const all = "all of it"
	for i, p := range phases {
		rows = append(rows, row(coldScene, p.name, "s", Sample{took[i]}, all, Sample{total}))
	}
	return append(rows, row(coldScene, all, "s", Sample{total}, all, Sample{total})), nil
}

// cold is the machine.
type cold struct {
	e      *engine.Client
	s      *env.Settings
	labels map[string]string
	id     string
}

func (c *cold) start(ctx context.Context) error {
	bases, err := c.e.Images(ctx, engine.Filter{Labels: map[string]string{"drydock.image": debianBase}})
	if err != nil {
		return err
	}
	if len(bases) == 0 {
		return run.WithCode(run.CodeMissing, errors.New("there is no base image to begin with: `go tool mage build` makes it"))
	}
	if _, err := c.e.EnsureVolume(ctx, coldName, c.labels); err != nil {
		return err
	}
	words, err := nested.Options()
	if err != nil {
		return err
	}
	words = append([]string{"run", "--detach", "--name", coldName, "--label", label + "=" + coldName, "--volume", coldName + ":" + nested.Data}, words...)
	// The engine's client has no word for such rights: nothing of the product uses them.
	var out, said bytes.Buffer
	err = run.Run(ctx, run.Cmd{Name: "docker", Args: append(words, bases[0].ID, "sleep", "infinity"), Env: c.s.Inherited(), Stdout: &out, Stderr: &said})
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	c.id = strings.TrimSpace(out.String())
	if err := c.fill(ctx); err != nil {
		return err
	}
	return c.sh(ctx, nested.Bare)
}

// trust is where the machine finds the authorities of this one, which its mirrors may need.
const trust = "/etc/ssl/certs/ca-certificates.crt"

// fill copies the checkout, and where this machine gets its packages.
func (c *cold) fill(ctx context.Context) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(name string, mode int64, text []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err := w.Write(text)
		return err
	}
	b := c.s.Build
	if err := add("etc/apt/sources.list", 0o644, []byte(image.DebianSources(b, "trixie"))); err != nil {
		return err
	}
	if b.ExtraCA != "" {
		text, err := os.ReadFile(c.s.Path(b.ExtraCA))
		if err != nil {
			return fmt.Errorf("reading EXTRA_CA: %w", err)
		}
		// The second one survives the package of certificates, which setup installs.
		for _, name := range []string{trust, coldRoot + ".pem"} {
			if err := add(strings.TrimPrefix(name, "/"), 0o644, text); err != nil {
				return err
			}
		}
	}
	err := filepath.WalkDir(c.s.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && slices.Contains([]string{".git", ".drydock", "node_modules", "dist"}, d.Name()):
			return filepath.SkipDir
		case !d.Type().IsRegular() || d.Name() == ".env" || strings.HasSuffix(d.Name(), ".local"): // settings of this checkout
			return nil
		}
		rel, err := filepath.Rel(c.s.Root, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return add(filepath.Join(strings.TrimPrefix(coldRoot, "/"), rel), int64(info.Mode().Perm()), text)
	})
	if err = errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("copying the checkout: %w", err)
	}
	return c.e.CopyTo(ctx, c.id, "/", &archive)
}

// environ is where the machine gets what it downloads; the same as this one.
func (c *cold) environ() []string {
	b := c.s.Build
	set := map[string]string{
		"GOPROXY": b.GoProxy, "GOSUMDB": b.GoSumDB, "NPM_REGISTRY": b.NpmRegistry, "DEBIAN_CHECK_VALID_UNTIL": fmt.Sprint(b.CheckValidUntil),
		"BASE": b.Base,
	}
	if b.ExtraCA != "" {
		set["SSL_CERT_FILE"], set["EXTRA_CA"] = coldRoot+".pem", coldRoot+".pem"
	}
	list := append(image.ProxyEnviron(b), "HOME=/root", "PATH=/usr/local/go/bin:/usr/lib/go-1.26/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if set[name] != "" {
			list = append(list, name+"="+set[name])
		}
	}
	return list
}

// sh runs a script on the machine. What it said is told when it fails.
func (c *cold) sh(ctx context.Context, script string) error {
	var said bytes.Buffer
	err := c.e.Exec(ctx, c.id, engine.Command{Cmd: []string{"sh", "-eu", "-s"}, Env: c.environ(), Streams: engine.Streams{In: strings.NewReader(script), Out: &said, Err: &said}})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, tail(said.String(), 40))
	}
	return nil
}

// tail is the last lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

func (c *cold) remove(ctx context.Context) error {
	_, err := c.e.RemoveByLabel(ctx, c.labels, engine.RemoveOptions{})
	return err
}
