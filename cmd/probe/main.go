package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// timeout bounds the whole probe. It is shorter than that of the HEALTHCHECK, so
// that the reason is told before the engine kills the probe.
const timeout = 2500 * time.Millisecond

func main() {
	os.Exit(run(os.Getenv("PORT"), os.Getenv("HEALTH_PATH"), os.Stdout))
}

// run probes once and returns the exit code that the engine wants: 0 or 1, never
// another (2 is reserved, see the Dockerfile reference on HEALTHCHECK).
func run(port, path string, out io.Writer) int {
	line, err := probe(port, path, timeout)
	if err != nil {
		line = err.Error()
	}
	if _, werr := fmt.Fprintln(out, line); err != nil || werr != nil {
		return 1
	}
	return 0
}
