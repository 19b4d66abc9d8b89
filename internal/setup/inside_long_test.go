//go:build integration && long

package setup

import (
	"context"
	"flag"
	"fmt"
	"os"
	"syscall"
	"testing"

	"drydock/internal/run"
)

// This test binary, built once more without cgo, is also the program that runs inside
// the scratch machines.
var (
	inside     = flag.String("inside", "", "be a program inside a scratch machine: setup, doctor, browser, compiler or hold-lock")
	insideRoot = flag.String("inside-root", "", "the checkout there")
	insideOwn  = flag.String("inside-own", "", "folder of a daemon of its own")
	insideDry  = flag.Bool("inside-dry", false, "only show what would be done")

	// Making the root file systems is half of the tests' time: keep them for the next run.
	roots = flag.String("roots", "", "take bookworm.tar and trixie.tar from this folder instead of making them")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *inside == "" {
		os.Exit(m.Run())
	}
	ctx, stop := run.Context(context.Background())
	err := runInside(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(run.Code(err))
}

func runInside(ctx context.Context) error {
	o := Options{
		Root: *insideRoot, DryRun: *insideDry,
		Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if *insideOwn != "" {
		o.Daemon = Daemon{Socket: *insideOwn + "/sock", PIDFile: *insideOwn + "/pid", ExecRoot: *insideOwn + "/exec",
			DataRoot: *insideOwn + "/data", Log: *insideOwn + "/log", Args: []string{"--bridge=none", "--iptables=false", "--ip6tables=false"}}
	}
	switch *inside {
	case "setup":
		return Run(ctx, o)
	case "doctor":
		return Doctor(ctx, o)
	case "browser":
		path, err := EnsureBrowser(ctx, o)
		fmt.Println(path)
		return err
	case "compiler":
		path, err := EnsureCompiler(ctx, o)
		fmt.Println(path)
		return err
	case "ssh-server":
		path, err := EnsureSSHServer(ctx, o)
		fmt.Println(path)
		return err
	case "hold-lock":
		return holdLock(ctx, flag.Arg(0))
	}
	return fmt.Errorf("-inside=%s is not a program", *inside)
}

// holdLock does what another package manager does, until it is told to end.
func holdLock(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	defer f.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock); err != nil {
		return err
	}
	fmt.Println("locked")
	<-ctx.Done()
	return nil
}
