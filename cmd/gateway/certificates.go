package main

import "drydock/internal/gateway/supervisor"

// certificates is where certificates come from; nil leaves it to the supervisor, which
// knows how to use files that are given.
func certificates(supervisor.Settings, func(string) string) supervisor.Certificates { return nil }
