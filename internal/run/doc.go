// Package run starts child processes for Drydock and decides what a failure is
// worth as an exit code.
//
// It owns: the explicit environment of a child, its process group, what happens
// to it when the context ends, the masking of secrets in everything it writes,
// and the prefix that tells apart the output of steps that run side by side. It
// also owns the two things that must exist once in a process: the reaction to
// INT and TERM (Context) and the mapping from an error to an exit code (Code).
//
// It does not own: which commands exist, shells (arguments are passed as they
// are, nothing expands them), retries, or the meaning of a child's output.
//
// Secrets may be given to a child in its arguments or environment by someone
// else's design; therefore no error of this package ever contains the argument
// list, and the last lines of stderr that it keeps are masked.
package run
