// Package security looks at a running stack with the eyes of the CIS Docker Benchmark
// (1.6.0, sections 4 and 5; what of 1 to 3 the engine's API tells, as notes), of the
// Compose specification's advice, and of the usual rules for Dockerfiles (hadolint, Docker's
// own build checks).
//
// It owns the rules, which are pure functions on what was gathered; the named exceptions
// with their reasons; gathering; and the report. It changes nothing. What a rule needs to
// know of a container comes from package engine.
//
// The manual, docs/en/security.md, lists rules and exceptions; a test keeps it the same.
package security
