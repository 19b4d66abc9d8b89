package setup

import "context"

// sshPackages bring an SSH server, which tests start on hosts of their own, the client, and
// ip(8), which makes the hosts.
var sshPackages = []string{"openssh-server", "openssh-client", "iproute2"}

// findSSHServer looks where a plain user's PATH does not.
func findSSHServer(o Options) string {
	if o.find("ssh") == "" || o.find("ip") == "" {
		return ""
	}
	return o.find("sshd")
}

// EnsureSSHServer returns the path of OpenSSH's server, which the tests of remote engines
// start for themselves, and installs it where apt can, with the client and iproute2. The
// machine's own service is not started.
func EnsureSSHServer(ctx context.Context, o Options) (string, error) {
	return ensure(ctx, o, extra{
		what: "a server for SSH, for the tests", find: findSSHServer, packages: sshPackages, idle: true,
		can:  func(f Facts) bool { return f.Apt.Present },
		hint: func(Facts) string { return "install OpenSSH's server and client, and iproute2" },
	})
}
