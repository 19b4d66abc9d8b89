package setup

import "context"

// compilerPackages are what cgo needs, and `go test -race` with it.
var compilerPackages = []string{"gcc", "libc6-dev"}

func findCompiler(o Options) string { return or(o.find("gcc"), o.find("cc")) }

// EnsureCompiler returns the path of a C compiler, which `go test -race` needs, and
// installs gcc where apt can. The product itself is built without one.
func EnsureCompiler(ctx context.Context, o Options) (string, error) {
	return ensure(ctx, o, extra{
		what: "a C compiler for `go test -race`", find: findCompiler, packages: compilerPackages,
		can:  func(f Facts) bool { return f.Apt.Present },
		hint: func(Facts) string { return "install gcc or clang with the C library's headers" },
	})
}
