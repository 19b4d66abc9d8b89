//go:build linux

// Command tiny is the one program of the test image: many small commands that a test
// needs inside a container, in one static binary. It is not part of the product.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"drydock/internal/testkit/tinyapi"
)

const usage = `tiny serve [-addr :8080] [-name N] [-start-delay D] [-stop-delay D] [-unhealthy] [-die-after D]
tiny healthcheck [URL]
tiny sleep DURATION        ends at once on TERM
tiny stubborn DURATION     ignores TERM and INT
tiny exit CODE [STDERR]
tiny dial HOST:PORT [TIMEOUT]
tiny env
tiny cat PATH...
tiny stat PATH...          mode uid gid size path
tiny write PATH BYTES      zeros
tiny mem MEGABYTES         allocates, touches, holds
tiny print TEXT [TIMES] [EVERY]
tiny stdin                 copies stdin to stdout
tiny id                    uid:gid
tiny kill PID SIGNAL       sends it; with KILL, waits until the process is gone`

func main() {
	if len(os.Args) < 2 {
		fatal(2, "%s", usage)
	}
	args := os.Args[2:]
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(args)
	case "healthcheck":
		err = healthcheck(args)
	case "sleep":
		err = sleep(args)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		err = hold(context.Background(), args)
	case "exit":
		exit(args)
	case "dial":
		err = dial(args)
	case "env":
		err = environment()
	case "cat":
		err = cat(args)
	case "stat":
		err = stat(args)
	case "write":
		err = write(args)
	case "mem":
		err = mem(args)
	case "print":
		err = printLines(args)
	case "stdin":
		_, err = io.Copy(os.Stdout, os.Stdin)
	case "kill":
		err = kill(args)
	case "id":
		_, err = fmt.Printf("%d:%d\n", os.Getuid(), os.Getgid())
	default:
		fatal(2, "unknown command %q\n%s", os.Args[1], usage)
	}
	if err != nil {
		fatal(1, "tiny %s: %v", os.Args[1], err)
	}
}

func fatal(code int, format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(code)
}

// arg returns an argument or a default.
func arg(args []string, i int, fallback string) string {
	if i < len(args) {
		return args[i]
	}
	return fallback
}

func sleep(args []string) error {
	// Process 1 of a container has no default actions: TERM must be handled to end it.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return hold(ctx, args)
}

func hold(ctx context.Context, args []string) error {
	d, err := time.ParseDuration(arg(args, 0, ""))
	if err != nil {
		return err
	}
	fmt.Println("sleeping")
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return nil
}

func exit(args []string) {
	code, err := strconv.Atoi(arg(args, 0, ""))
	if err != nil {
		fatal(2, "tiny exit: %v", err)
	}
	if text := arg(args, 1, ""); text != "" {
		fmt.Fprintln(os.Stderr, text)
	}
	os.Exit(code)
}

// kill waits on the process itself, pidfd_open(2): it is nobody's child here.
func kill(args []string) error {
	pid, err := strconv.Atoi(arg(args, 0, ""))
	if err != nil {
		return err
	}
	sig := unix.SignalNum("SIG" + arg(args, 1, ""))
	if sig == 0 {
		return fmt.Errorf("there is no signal %q", arg(args, 1, ""))
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("finding process %d: %w", pid, err)
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		return fmt.Errorf("sending %v to process %d: %w", sig, pid, err)
	}
	if sig == unix.SIGKILL {
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
	}
	return err
}

// dial always ends with 0 when the attempt could be made: the result is the output.
func dial(args []string) error {
	timeout, err := time.ParseDuration(arg(args, 1, "2s"))
	if err != nil {
		return err
	}
	out := tinyapi.Dial{Address: arg(args, 0, "")}
	host, _, err := net.SplitHostPort(out.Address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if out.Resolved, err = net.DefaultResolver.LookupHost(ctx, host); err != nil {
		out.Kind, out.Error = tinyapi.KindName, err.Error()
	} else {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", out.Address)
		out.OK, out.Kind = err == nil, kind(err)
		if err != nil {
			out.Error = err.Error()
		} else if err := conn.Close(); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func kind(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return tinyapi.KindRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return tinyapi.KindUnreachable
	case errors.As(err, &timeout) && timeout.Timeout():
		return tinyapi.KindTimeout
	}
	return tinyapi.KindOther
}

func environment() error {
	var out tinyapi.Env
	for _, v := range os.Environ() {
		out.Vars = append(out.Vars, []byte(v))
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func printLines(args []string) error {
	times, err := strconv.Atoi(arg(args, 1, "1"))
	if err != nil {
		return err
	}
	every, err := time.ParseDuration(arg(args, 2, "0s"))
	if err != nil {
		return err
	}
	for i := range times {
		if _, err := fmt.Printf("%s %d\n", arg(args, 0, ""), i); err != nil {
			return err
		}
		time.Sleep(every)
	}
	return nil
}
