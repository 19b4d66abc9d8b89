// Package pool knows who can take requests: it finds the members of the gateway's
// pools, probes them, decides on their health, and tells nginx over DNS.
//
// It owns
//
//   - the decision (Pool): a pure function of what was found, what probes said, and
//     the time. It starts no goroutine and reads no clock.
//   - the edges, each thin: Finder asks the container's name server for a pool's
//     members, Prober asks one member for its health, Server answers nginx's
//     questions for <pool>.pool.
//   - Watcher, which ties them together.
//
// It does not own nginx or its configuration (package supervisor), and makes no
// reload necessary: nginx asks for the names again each second.
package pool
