// Package engine talks to a Docker Engine: the only package that knows the Docker
// SDK, and therefore the only one to change when the SDK does. Its own types are
// plain; no type of the SDK appears in its API.
//
// It owns: finding and opening the engine (a socket, TCP with or without TLS, SSH,
// or whatever context the docker command uses), containers, waiting for them, commands
// and files in them, their logs and statistics, one-shot containers, volumes, networks
// and images.
//
// It does not own: compose projects (package compose runs `docker compose`), building
// images, names and labels of Drydock's own objects, or any decision about them.
//
// Rules that hold for all of it:
//
//   - Every call takes a context. A call that is canceled undoes what it had made for
//     itself (a scratch container) on a context of its own, with a bound.
//   - Waiting means the event stream: it is opened first, the object is inspected then,
//     so that nothing can happen unseen in between. Nothing polls.
//   - Errors say what was attempted, what was found and what to do, and match
//     ErrNotFound, ErrConflict or ErrUnavailable with errors.Is.
//   - Engine 20.10 (API 1.41) and newer; the API version is negotiated.
package engine
