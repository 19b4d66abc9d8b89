// Command backend is the reference service of the stack: a shared board of notes.
//
// This package is wiring only: it picks the subcommand, reads the settings, connects the internal packages and stops
// them in order. README.md describes the API and the settings.
package main
