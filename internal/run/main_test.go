package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The test binary is its own child: `run.test helper NAME ARGS...` does what a test
// needs a child to do.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "helper" {
		helper(os.Args[2], os.Args[3:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func helper(name string, args []string) {
	switch name {
	case "env":
		for _, kv := range os.Environ() {
			fmt.Println(kv)
		}
	case "exit":
		code, _ := strconv.Atoi(args[0])
		for _, line := range args[1:] {
			fmt.Fprintln(os.Stderr, line)
		}
		os.Exit(code)
	case "signals": // says which signal came, and ends
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGINT, syscall.SIGTERM)
		fmt.Println("ready")
		fmt.Println(<-got)
	case "stubborn":
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
		fmt.Println("ready")
		select {}
	case "parent": // leaves a stubborn grandchild in the group and ends on TERM
		child := exec.Command(os.Args[0], "helper", "stubborn")
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println(child.Process.Pid)
		select {}
	case "mage": // imitates what mage's main does around a target
		mage(args[0])
	case "killed": // runs a child through this package, for a test that kills us
		_ = Run(context.Background(), Cmd{Name: os.Args[0], Args: []string{"helper", "pid"}, Stdout: os.Stdout})
	case "pid":
		fmt.Println(os.Getpid())
		select {}
	}
}

// mage starts the target, then listens for INT only and gives up a while after it.
func mage(what string) {
	done := make(chan error)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { done <- target(ctx, what) }()
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGINT)
	select {
	case <-sig:
		cancel()
		select {
		case err := <-done:
			os.Exit(Code(err))
		case <-time.After(50 * time.Millisecond):
			fmt.Println("mage gave up")
			os.Exit(1)
		}
	case err := <-done:
		os.Exit(Code(err))
	}
}

func target(ctx context.Context, what string) error {
	ctx, stop := Context(ctx)
	defer stop()
	if what == "child" {
		return Run(ctx, Cmd{Name: os.Args[0], Args: []string{"helper", "stubborn"}, Stdout: os.Stdout, Grace: time.Hour})
	}
	time.Sleep(3 * takeOver) // until INT is ours for good
	fmt.Println("ready")
	<-ctx.Done()
	time.Sleep(200 * time.Millisecond) // a cleaning-up longer than "mage" allows
	fmt.Println("cleaned up:", context.Cause(ctx))
	return context.Cause(ctx)
}
