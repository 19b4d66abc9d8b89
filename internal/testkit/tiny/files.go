//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func cat(paths []string) error {
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, f)
		_ = f.Close() // opened for reading
		if err != nil {
			return err
		}
	}
	return nil
}

func stat(paths []string) error {
	for _, p := range paths {
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		sys, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("%s: no owner known", p)
		}
		if _, err := fmt.Printf("%04o %d %d %d %s\n", info.Mode().Perm(), sys.Uid, sys.Gid, info.Size(), p); err != nil {
			return err
		}
	}
	return nil
}

// zeros is an endless stream of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func write(args []string) error {
	n, err := strconv.ParseInt(arg(args, 1, ""), 10, 64)
	if err != nil {
		return err
	}
	f, err := os.Create(arg(args, 0, ""))
	if err != nil {
		return err
	}
	if _, err := io.CopyN(f, zeros{}, n); err != nil {
		_ = f.Close() // the first error is the one to tell
		return err
	}
	return f.Close()
}

// mem holds memory until it is told to end; each page is touched, or the kernel would
// not give it.
func mem(args []string) error {
	n, err := strconv.Atoi(arg(args, 0, ""))
	if err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM) // before it says that it is ready
	held := make([][]byte, n)
	for i := range held {
		held[i] = make([]byte, 1<<20)
		for j := 0; j < len(held[i]); j += 4096 {
			held[i][j] = 1
		}
	}
	fmt.Println("holding", len(held), "MiB")
	<-ended
	fmt.Println("released", len(held))
	return nil
}
