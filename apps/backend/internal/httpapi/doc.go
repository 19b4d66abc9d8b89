// Package httpapi is the outside of the service: routes, request and answer formats, errors, the event stream, and what
// wraps every request (id, log line, metrics, panics, limits).
//
// It decides nothing about notes: package board does. It holds no state.
package httpapi
