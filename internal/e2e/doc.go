// Package e2e has the tests of the whole: a stack as a user starts it, with a
// real browser in front.
//
// Each mode is started once, from a copy of the checkout that only its owner can
// read, with passwords that are hard to pass on; what the tests of one mode need
// to break they mend again.
package e2e
