// Package target is what every mage target does around its work: it reads the whole
// command line before the first one runs ([Arguments]), loads the
// settings once, listens for signals, opens the engine where one is needed, and
// turns an error into the exit code that package run documents.
//
// It does no work of its own.
package target
