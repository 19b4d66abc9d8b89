// Package testkit is what the integration tests share: a real engine, scratch
// containers, networks and projects with unique names, free ports, load, faults and
// golden files.
//
// It owns the test image (command tiny) and the life of everything a test makes: each
// object carries the label drydock.test=RunID, and goes away
//
//   - when its test ends (with the logs of its containers printed first, if it failed),
//   - or, after a crash, when the next test binary starts on the same machine: the run
//     id names the process that made the object, and only what belongs to a process that
//     is gone is removed.
//
// It does not own fixtures of a single package, and nothing of the product imports it.
//
// A missing engine fails a test and says how to get one; nothing is ever skipped.
package testkit
