// Command health is `backend healthcheck` as a program of its own, for the development image: there the backend is built
// while the container runs, and its health check must work before that and after a compile error.
package main

import (
	"context"
	"fmt"
	"os"

	"drydock/backend/internal/probe"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}

func run() error {
	address, err := probe.Address(os.LookupEnv)
	if err != nil {
		return err
	}
	answer, err := probe.Ask(context.Background(), address)
	if err != nil {
		return err
	}
	_, err = fmt.Println(answer)
	return err
}
