package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// A root is the file system that a base image begins with: the registry's slim image
// where a registry answers, else one made from Debian's packages. The two have the same
// Debian release in them, so everything above is built alike.

// registryWait is how long a registry may take to answer before packages are used.
const registryWait = 5 * time.Second

// bootstrapEpoch is the time of files in a root made from packages, which has no commit.
const bootstrapEpoch = "1735689600" // 2025-01-01

// root is what a base image begins with, before it is fetched or made.
type root struct {
	Suite  string
	Pull   string // reference with digest, in a registry; "" is made from packages
	Ref    string // our name for it in the engine
	Source string // for people: where it comes from
}

// chooseRoot decides where the root of a suite comes from. BASE=registry fails without a
// registry, BASE=debian does not ask one.
func chooseRoot(ctx context.Context, s *env.Settings, suite string) (root, error) {
	packages := root{
		Suite: suite, Ref: ref(s, "root-"+suite, "packages-"+digest12(strings.Join(bootstrapArgs(suite), " "))),
		Source: "Debian packages",
	}
	image := s.Build.TrixieImage
	if suite == "forky" {
		image = s.Build.ForkyImage
	}
	if s.Build.Base == "debian" {
		return packages, nil
	}
	pinned, err := pin(ctx, s, image)
	switch {
	case err == nil:
		return root{Suite: suite, Pull: pinned, Ref: ref(s, "root-"+suite, "registry-"+digest12(pinned)), Source: pinned}, nil
	case ctx.Err() != nil:
		return root{}, err
	case s.Build.Base == "registry":
		return root{}, fmt.Errorf("finding the base image %s: %w; BASE=debian makes it from Debian packages", image, err)
	}
	return packages, nil
}

func digest12(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:12]
}

// lockFile pins the digests that tags were resolved to, so that every machine builds on
// the same base until somebody removes the line. It belongs into git.
const lockFile = "docker/base.lock.json"

// pin turns a reference into one with a digest, asking the registry. It fails when the
// registry does not answer.
func pin(ctx context.Context, s *env.Settings, image string) (string, error) {
	parsed, err := name.ParseReference(image)
	if err != nil {
		return "", run.WithCode(run.CodeBadInput, err)
	}
	lock := map[string]string{}
	path := s.Path(lockFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err == nil {
		if err := json.Unmarshal(text, &lock); err != nil {
			return "", fmt.Errorf("reading %s: %w", lockFile, err)
		}
	}
	locked := lock[image]
	if _, ok := parsed.(name.Digest); ok {
		locked = image
	}
	ask := image
	if locked != "" {
		ask = locked
	}
	parsed, err = name.ParseReference(ask)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", lockFile, err)
	}
	transport, err := transportFor(s.Build)
	if err != nil {
		return "", err
	}
	wait, cancel := context.WithTimeout(ctx, registryWait)
	defer cancel()
	found, err := remote.Head(parsed, remote.WithContext(wait), remote.WithTransport(transport))
	if err != nil {
		return "", err
	}
	if locked != "" {
		return locked, nil
	}
	pinned := parsed.Context().Digest(found.Digest.String()).Name()
	lock[image] = pinned
	text, err = json.MarshalIndent(lock, "", "  ")
	if err != nil {
		return "", err
	}
	return pinned, os.WriteFile(path, append(text, '\n'), 0o644)
}

// bootstrapArgs is what decides a root made from packages, the mirror apart.
func bootstrapArgs(suite string) []string {
	return []string{
		"--variant=minbase",
		"--components=main",
		// As small as the registry's slim image; docker/base does the rest.
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-include=/usr/share/doc/*/copyright",
		suite,
	}
}

// makeRoot fetches or makes the root unless the engine has it.
func (b *builder) makeRoot(ctx context.Context, r root) error {
	have, err := b.Engine.HasImage(ctx, r.Ref)
	if err != nil || have {
		return err
	}
	if r.Pull != "" {
		b.say("base %s: pulling %s", r.Suite, r.Pull)
		if err := b.Engine.Pull(ctx, r.Pull, nil); err != nil {
			return err
		}
		return b.Engine.Tag(ctx, r.Pull, r.Ref)
	}
	b.say("base %s: no registry, so it is made from Debian packages (about half a minute)", r.Suite)
	file := filepath.Join(b.dir, "root-"+r.Suite+".tar")
	if err := b.bootstrap(ctx, r.Suite, file); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	_, err = b.Engine.Import(ctx, f, engine.ImportOptions{
		Ref:    r.Ref,
		Labels: map[string]string{labelImage: "root-" + r.Suite, labelInput: digest12(r.Ref)},
	})
	return errors.Join(err, os.Remove(file))
}

// bootstrap runs mmdebstrap. Expired indexes are refused or not as the settings say; the
// signatures are checked in any case.
func (b *builder) bootstrap(ctx context.Context, suite, file string) error {
	set := b.Settings.Build
	args := bootstrapArgs(suite)
	args = append(args[:len(args)-1:len(args)-1], "--aptopt=Acquire::Check-Valid-Until \""+fmt.Sprint(set.CheckValidUntil)+"\"", suite, file)
	args = append(args, "deb "+set.DebianMirror+" "+suite+" main")
	if suite == "trixie" {
		args = append(args, "deb "+set.DebianMirror+" trixie-updates main", "deb "+set.SecurityMirror+" trixie-security main")
	}
	environ := append(b.Settings.Inherited(), "SOURCE_DATE_EPOCH="+bootstrapEpoch, "TMPDIR="+b.dir)
	for _, kv := range [][2]string{{"http_proxy", set.HTTPProxy}, {"https_proxy", set.HTTPSProxy}, {"no_proxy", set.NoProxy}} {
		if kv[1] != "" {
			environ = append(environ, kv[0]+"="+kv[1])
		}
	}
	err := run.Run(ctx, run.Cmd{Name: "mmdebstrap", Args: args, Env: environ, Stderr: b.Err, Stdout: b.Err, Step: "base-" + suite})
	if errors.Is(err, exec.ErrNotFound) {
		return run.WithCode(run.CodeMissing, fmt.Errorf("making the base image from Debian packages: mmdebstrap is not installed; run: go tool mage setup"))
	}
	if err != nil {
		return fmt.Errorf("making the base image %s from Debian packages of %s: %w", suite, set.DebianMirror, err)
	}
	return nil
}
