package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"drydock/internal/env"
	"drydock/internal/run"
)

// debianEpoch is the time of files that mmdebstrap makes itself. Files of packages keep
// theirs, as long as they are older.
const debianEpoch = 1735689600 // 2025-01-01T00:00:00Z

// bootstrapGrace is how long mmdebstrap may take to clean up after itself.
const bootstrapGrace = time.Minute

// debianHooks remove every trace of this machine and its mirrors from a root; $1 is the
// root. What mmdebstrap was told on its command line it writes into the two 99mmdebstrap files.
var debianHooks = []string{
	`rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap`,
	`rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d "$1"/etc/apt/auth.conf.d; mkdir "$1"/etc/apt/sources.list.d "$1"/etc/apt/auth.conf.d`,
	`: >"$1"/etc/resolv.conf; : >"$1"/etc/hostname; if [ -e "$1"/etc/machine-id ]; then : >"$1"/etc/machine-id; fi`,
	`rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/apt "$1"/var/log/*.log "$1"/var/lib/dbus/machine-id "$1"/var/cache/ldconfig/aux-cache`,
}

// bootstrap makes a root of Debian packages in the file <dir>/<suite>.tar and returns
// its path. Nothing else of it stays, whether it succeeds or not.
func bootstrap(ctx context.Context, s *env.Settings, suite, dir string, narrate io.Writer) (tar string, err error) {
	work, err := os.MkdirTemp(dir, "bootstrap-")
	if err != nil {
		return "", fmt.Errorf("making a root of Debian packages: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	// apt downloads as a user of its own, which has to get through.
	for _, path := range []string{dir, work} {
		if err := os.Chmod(path, 0o711); err != nil {
			return "", fmt.Errorf("making a root of Debian packages: %w", err)
		}
	}
	// In a file, not in an argument: an address may hold a password, and arguments
	// are for everybody to read.
	sources := filepath.Join(work, "debian.list")
	if err := os.WriteFile(sources, []byte(DebianSources(s.Build, suite)), 0o600); err != nil {
		return "", fmt.Errorf("making a root of Debian packages: %w", err)
	}
	args, err := bootstrapArgs(s, work)
	if err != nil {
		return "", err
	}
	tar = filepath.Join(dir, suite+".tar")
	err = run.Run(ctx, run.Cmd{
		Name: "mmdebstrap", Args: append(args, suite, tar, sources),
		Env: append(s.Inherited(), append(ProxyEnviron(s.Build),
			"SOURCE_DATE_EPOCH="+strconv.Itoa(debianEpoch), "TMPDIR="+work, "LC_ALL=C.UTF-8")...),
		Stdout: narrate, Stderr: narrate, Step: "base-" + suite, Grace: bootstrapGrace,
		Redact: mirrorSecrets(s.Build),
	})
	if err == nil {
		return tar, nil
	}
	if rmErr := os.Remove(tar); rmErr != nil && !errors.Is(rmErr, os.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	switch {
	case ctx.Err() != nil:
		return "", err
	case errors.Is(err, exec.ErrNotFound):
		return "", run.WithCode(run.CodeMissing, fmt.Errorf(
			"making a root of Debian packages: mmdebstrap is not installed; run `go tool mage setup`, or set BASE=registry where a registry answers"))
	}
	return "", fmt.Errorf("making a root of Debian's %s packages: %w\ncheck DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR, the proxies, and DEBIAN_CHECK_VALID_UNTIL=false for a snapshot", suite, err)
}

func bootstrapArgs(s *env.Settings, work string) ([]string, error) {
	args := []string{
		"--variant=minbase", "--components=main", "--format=tar",
		"--dpkgopt=" + s.Path("docker/base/dpkg-slim"),
		"--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\"",
		"--aptopt=Acquire::Retries \"3\"",
		"--aptopt=Acquire::Check-Valid-Until \"" + strconv.FormatBool(s.Build.CheckValidUntil) + "\"",
	}
	// Debian's keyring package; on Debian it is where apt looks anyway, on other systems it is not.
	for _, keyring := range []string{"/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"} {
		if _, err := os.Stat(keyring); err == nil {
			args = append(args, "--keyring="+keyring)
			break
		}
	}
	if strings.HasPrefix(s.Build.DebianMirror+s.Build.SecurityMirror, "https:") || strings.HasPrefix(s.Build.SecurityMirror, "https:") {
		bundle, err := trustBundle(s, work)
		if err != nil {
			return nil, err
		}
		if bundle != "" {
			args = append(args, "--aptopt=Acquire::https::CaInfo \""+bundle+"\"")
		}
	}
	for _, hook := range debianHooks {
		args = append(args, "--customize-hook="+hook)
	}
	return args, nil
}

// DebianSources are the suite, its updates and its security updates, one-line style (sources.list(5)).
func DebianSources(b env.Build, suite string) string {
	mirror, security := b.DebianMirror, b.SecurityMirror
	if mirror == "" {
		mirror = "http://deb.debian.org/debian"
	}
	if security == "" {
		security = "http://deb.debian.org/debian-security"
	}
	return fmt.Sprintf("deb %[1]s %[2]s main\ndeb %[1]s %[2]s-updates main\ndeb %[3]s %[2]s-security main\n", mirror, suite, security)
}

// trustBundle joins the system's authorities and EXTRA_CA: CaInfo replaces apt's own list.
func trustBundle(s *env.Settings, work string) (string, error) {
	if s.Build.ExtraCA == "" {
		return "", nil
	}
	extra, err := os.ReadFile(s.Path(s.Build.ExtraCA))
	if err != nil {
		return "", fmt.Errorf("reading EXTRA_CA: %w", err)
	}
	system, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the system's certificates: %w", err)
	}
	path := filepath.Join(work, "ca.pem")
	if err := os.WriteFile(path, append(append(system, '\n'), extra...), 0o644); err != nil {
		return "", fmt.Errorf("making a root of Debian packages: %w", err)
	}
	return path, nil
}

// ProxyEnviron names the proxies as apt and most programs read them.
func ProxyEnviron(b env.Build) []string {
	var list []string
	for _, kv := range [][2]string{{"http_proxy", b.HTTPProxy}, {"https_proxy", b.HTTPSProxy}, {"no_proxy", b.NoProxy}} {
		if kv[1] != "" {
			list = append(list, kv[0]+"="+kv[1], strings.ToUpper(kv[0])+"="+kv[1])
		}
	}
	return list
}

// mirrorSecrets are the passwords in addresses of mirrors and proxies, which no output may show.
func mirrorSecrets(b env.Build) []string {
	var list []string
	for _, address := range []string{b.DebianMirror, b.SecurityMirror, b.GoProxy, b.NpmRegistry, b.HTTPProxy, b.HTTPSProxy} {
		for _, one := range strings.FieldsFunc(address, func(r rune) bool { return r == ',' || r == '|' }) {
			u, err := url.Parse(one)
			if err != nil || u.User == nil {
				continue
			}
			if password, ok := u.User.Password(); ok && password != "" {
				list = append(list, password, url.QueryEscape(password))
			}
		}
	}
	return list
}
