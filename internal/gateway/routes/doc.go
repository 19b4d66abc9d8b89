// Package routes answers, from the configuration alone, what nginx would do with a
// request: which server and location it chooses, what the upstream gets, or which
// answer nginx gives itself.
//
// It is nginx's own procedure (the parsing of the request's path, the choice of the
// server, the search through exact, prefix, regular expression and nested locations,
// the rewrite module's directives, error pages, the path that proxy_pass sends on) as
// pure functions on a parsed configuration (package lint/conf). An integration test
// compares its answers with those of a real nginx.
//
// What the configuration does not decide (a file that may exist, the client's address,
// an answer of the upstream) is never guessed: the Explanation says what it depends on.
package routes
