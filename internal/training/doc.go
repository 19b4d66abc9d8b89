// Package training breaks the dev stack on purpose, so that a new operator can learn to mend
// it before it counts.
//
// It owns the exercises (what users report, what is broken, when it is mended, how all of it
// is undone) and which one runs. It owns neither the stack nor the ways to mend it: those are
// the product's own targets, and docs/en/training.md teaches them. It is no restore drill
// (package drill), which proves backups and is about a program, not about a person.
//
// What an exercise needs to be undone is on disk before anything is broken. So whatever the
// trainee does, and wherever a command is killed, `drill:stop` puts everything right.
package training
