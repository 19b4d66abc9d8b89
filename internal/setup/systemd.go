package setup

import "context"

// EnsureSystemdAnalyze returns the path of systemd's own checker of units, which a test
// needs; a machine without systemd gets the package, whose tool works all the same.
func EnsureSystemdAnalyze(ctx context.Context, o Options) (string, error) {
	return ensure(ctx, o, extra{
		what: "systemd-analyze for the tests", packages: []string{"systemd"},
		find: func(o Options) string { return o.find("systemd-analyze") },
		can:  func(f Facts) bool { return f.Apt.Present },
		hint: func(Facts) string { return "install systemd, or run the tests on Debian or Ubuntu" },
	})
}
