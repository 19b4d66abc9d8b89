// Package supervisor runs nginx and changes what it serves without losing a request.
//
// It is process 1 of the gateway's container. It owns
//
//   - the state: active colour, canary, pushed configuration (State, Store),
//   - generations: each configuration that runs is a folder of its own that is never
//     changed (generations), so going back is one rename,
//   - nginx as its child, and reloads: tested before, confirmed by nginx's own answer,
//     watched, undone when its workers die (Reloader),
//   - the control API on a unix socket, and the read-only one on a port,
//   - what it measures: counters for Prometheus, and a sliding window a deploy is judged by.
//
// It does not own the members of pools (package pool), the templates (package render),
// or how certificates are obtained (Certificates is the seam).
//
// Exit codes of Run's errors, as sysexits(3) has them: 64 for settings that are wrong, 78
// for a configuration that nginx refuses, 1 for all else, also when nginx ends by itself.
package supervisor
