// Package check runs the project's own checks: formatting, vet and staticcheck,
// the test tiers, and the vulnerability check. What a developer runs and what CI
// runs is the same.
//
//	unit         no Docker, seconds
//	integration  real Docker, nginx, PostgreSQL and Redis in scratch containers
//	e2e          the whole stack with a real browser
//
// It owns which commands those are and what the tests are given; the tests are
// beside what they test.
package check
