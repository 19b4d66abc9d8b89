// Package conf reads an nginx configuration into one tree with every include expanded,
// each directive with its file and line.
//
// The text is read by github.com/nginxinc/nginx-go-crossplane, one file at a time; what
// is added here is what a linter needs on top: a snippet that is included in ten places
// is seen in each of them, directives know what surrounds them and what they inherit,
// hostile input (bottomless nesting, include loops) ends in a problem instead of a
// crash, and the table of directives knows in which version each appeared.
//
// It judges nothing: the rules are in the package lint, the matching of requests in the
// package routes.
package conf
