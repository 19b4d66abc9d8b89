package testkit

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drydock/internal/run"
)

// SSH starts an OpenSSH server on the host and returns the engine's address through it,
// ssh://root@h1. For the rest of the test the command ssh, which the docker command and
// our own client call, is one with a configuration of the test's own: nothing of the
// user's ~/.ssh is read or written, and no agent is asked.
func (h *Host) SSH() string {
	h.t.Helper()
	n := h.net
	if _, err := os.Stat(n.sshConfig()); err != nil {
		n.prepareSSH(h.t)
	}
	sshd, err := lookPathSbin("sshd")
	if err != nil {
		h.t.Fatalf("starting an SSH server: %v; install the package openssh-server (`go tool mage test:integration` does)", err)
	}
	key := filepath.Join(h.dir, "host_key")
	if _, err := os.Stat(key); err != nil {
		sshKeygen(h.t, key)
		n.trust(h, key+".pub")
	}
	config := fmt.Sprintf(`ListenAddress %s
HostKey %s
AuthorizedKeysFile %s
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PidFile none
SetEnv DOCKER_HOST=%s DOCKER_CONFIG=%s
`, h.IP, key, n.sshKey()+".pub", h.Address(), h.dir)
	path := filepath.Join(h.dir, "sshd_config")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		h.t.Fatalf("starting an SSH server: %v", err)
	}
	// -e logs to the host's log. The privilege separation's folder is in the host's /run.
	ready := h.init.log.when("Server listening on " + h.IP)
	if err := h.init.run(sshd, "-D", "-e", "-f", path); err != nil {
		h.t.Fatalf("starting an SSH server: %v", err)
	}
	select {
	case <-ready:
	case <-time.After(hostStart):
		h.t.Fatalf("starting an SSH server: it does not listen after %s:\n%s", hostStart, h.init.log.tail())
	}
	return "ssh://root@" + h.Name
}

func (n *hostNet) sshConfig() string { return filepath.Join(n.dir, "ssh_config") }
func (n *hostNet) sshKey() string    { return filepath.Join(n.dir, "id") }

// prepareSSH puts an ssh with a configuration of its own before the real one in PATH.
func (n *hostNet) prepareSSH(t testing.TB) {
	t.Helper()
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatalf("looking for an SSH client: %v; install the package openssh-client", err)
	}
	sshKeygen(t, n.sshKey())
	bin := filepath.Join(n.dir, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		t.Fatalf("preparing ssh: %v", err)
	}
	wrapper := "#!/bin/sh\nexec " + ssh + " -F " + n.sshConfig() + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(wrapper), 0o700); err != nil {
		t.Fatalf("preparing ssh: %v", err)
	}
	config := fmt.Sprintf(`Host *
  IdentityFile %s
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile %s
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
`, n.sshKey(), n.dir+"/known_hosts")
	if err := os.WriteFile(n.sshConfig(), []byte(config), 0o600); err != nil {
		t.Fatalf("preparing ssh: %v", err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

// trust makes a host's name and key known to the test's ssh.
func (n *hostNet) trust(h *Host, key string) {
	h.t.Helper()
	public, err := os.ReadFile(key)
	if err != nil {
		h.t.Fatalf("preparing ssh: %v", err)
	}
	appendTo(h.t, n.dir+"/known_hosts", h.IP+" "+string(public))
	appendTo(h.t, n.sshConfig(), fmt.Sprintf("Host %s\n  HostName %s\n", h.Name, h.IP))
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		t.Fatalf("preparing ssh: %v", err)
	}
}

func sshKeygen(t testing.TB, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := run.Run(ctx, run.Cmd{Name: "ssh-keygen", Args: []string{"-q", "-t", "ed25519", "-N", "", "-C", "a test", "-f", path}, Env: os.Environ()})
	if err != nil {
		t.Fatalf("making a key for ssh: %v; it is in the package openssh-client", err)
	}
}

// SSHWorks says whether a login works, with what ssh said otherwise: an error of the
// docker command hides it.
func (h *Host) SSHWorks() error {
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer cancel()
	out, err := run.Output(ctx, run.Cmd{Name: "ssh", Args: []string{"root@" + h.Name, "docker", "version", "--format", "{{.Server.Os}}"}, Env: os.Environ()})
	if err == nil && strings.TrimSpace(string(out)) != "linux" {
		err = fmt.Errorf("it answered %q", out)
	}
	if err != nil {
		return fmt.Errorf("logging in at %s: %w", net.JoinHostPort(h.IP, "22"), err)
	}
	return nil
}

// lookPathSbin finds a program that may be in a folder of root's; sshd wants to be called
// by its whole path.
func lookPathSbin(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	return exec.LookPath("/usr/sbin/" + name)
}
