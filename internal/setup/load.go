package setup

import "context"

// EnsureWrk returns the path of wrk, which makes the load of benchmarks, and installs it
// where apt can.
func EnsureWrk(ctx context.Context, o Options) (string, error) {
	return ensure(ctx, o, extra{
		what: "a load generator (wrk)", find: func(o Options) string { return o.find("wrk") }, packages: []string{"wrk"},
		can:  func(f Facts) bool { return f.Apt.Present },
		hint: func(Facts) string { return "install wrk 4 (https://github.com/wg/wrk)" },
	})
}
