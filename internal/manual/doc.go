// Package manual makes the pages of the documentation that say what the code
// says already: for now the list of targets, and the help that mage prints by
// default. A test fails when a page is stale; `go test ./internal/manual
// -update` writes it.
package manual
