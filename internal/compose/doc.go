// Package compose renders and runs the compose projects.
//
// It owns which files make up a project, the values that their ${VARIABLES}
// have, the generated file for what cannot be written down (the user's own
// variables), and every call of `docker compose`; no other package makes one.
// Compose gets all values through its process environment and never reads a
// dotenv file, so a value means the same here and there.
//
// It does not decide what to run, in which order, or what to wait for beyond one
// project: that is stack's and deploy's work. It knows no secret: those reach
// containers as files in volumes, which stack fills.
package compose
