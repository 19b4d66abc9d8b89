// Package probe asks a health address and turns the answer into one line, as the health check of a container.
//
// It imports only the standard library, so that the development image can build it without the rest of the service.
package probe
