// Package swarm runs an environment on Docker Swarm: what one host has as two compose
// projects is a stack there.
//
// It owns the translation (see Stack: pure, from what compose itself resolves, so that the
// two forms cannot drift apart), `docker stack deploy`, and the judgement whether an update
// has arrived everywhere. It does not know settings, releases, locks or images; those are
// env's, deploy's and image's. Nothing of it runs `docker compose`.
//
// What differs from one host:
//
//   - Every service is found by DNS (endpoint mode dnsrr), and ports are the nodes' own (mode
//     host): the gateway finds all members and balances itself, and sees the client's
//     address. Swarm's routing mesh would hide both.
//   - The apps have one colour. Swarm replaces their tasks one by one, each new one first.
//   - The gateway runs on every node. Database, Redis and backups stay on one (LabelData).
//   - Secrets are the swarm's, each named by its content.
//   - Swarm's stack files cannot say no-new-privileges; an engine can, in its daemon.json.
package swarm
