// Package lint finds what is wrong with an nginx configuration although nginx accepts
// it, and says why and what to do.
//
// The configuration is read by lint/conf (a parser, never patterns over the text), with
// every include expanded where it stands, so inheritance is judged as nginx does it.
// A finding in a snippet that ten locations include is reported once.
//
// Each rule has a folderless example in testdata/rules, good and bad, which is its test
// and its documentation (Markdown).
//
// Three kinds of input:
//
//   - a folder with nginx.conf, or a main file: everything is judged;
//   - a folder of snippets, without a main file (for example a conf.d): files that hold
//     servers, upstreams or maps are read as if an http block held them. What that block
//     sets is unknown, so rules about a missing setting of it are silent;
//   - with a Stack (what compose says), also the rules that hold the configuration
//     against its surroundings: upstreams, ports, writable paths, limits, health paths.
//
// A finding is silenced by a comment on its line, or on the line before:
//
//	# drydock:ignore rule-id why this is right here
//
// One at the head of an included file is also about the block that includes it: there
// stands a finding about what the block lacks, and the file may be a rendered one. The
// reason is obligatory, and a comment that silences nothing is itself reported.
//
// The package runs no nginx; `nginx -t` remains the judge of what nginx accepts.
package lint
