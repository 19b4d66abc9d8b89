package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"drydock/internal/gateway/supervisor"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGINT, syscall.SIGHUP)
	c := command{getenv: os.Getenv, in: os.Stdin, out: os.Stdout, err: os.Stderr, signals: signals, paths: supervisor.DefaultPaths()}
	err := c.run(context.Background(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
	}
	os.Exit(supervisor.Code(err))
}
