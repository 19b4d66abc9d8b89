// Package gateway owns what an operator does with the entrance: check its configuration
// before it can go live, put it live, explain it, and ask the running one how it is.
//
// The configuration is plain nginx below nginx/. Packages below this one each own a
// part: render (the files that depend on settings and state), lint and routes (reading a
// configuration), pool and supervisor (the program inside the image), certs and acme
// (certificates).
//
// It does not start the gateway's container (internal/stack) or decide which colour is
// live (internal/deploy).
package gateway
