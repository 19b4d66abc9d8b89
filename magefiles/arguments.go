//go:build mage

package main

import "drydock/internal/target"

// Before main, which runs the first target without having looked at what follows it.
func init() { target.Arguments() }
