//go:build ignore

// The zero-install door: `go run magefile.go TARGET` works without mage. The usual one is
// `go tool mage TARGET`, which keeps exit codes. The targets are in magefiles/.
package main

import (
	"os"

	"github.com/magefile/mage/mage"
)

func main() { os.Exit(mage.Main()) }
