// Package obs holds what makes the service observable: structured logs that carry the request's id, the Prometheus
// metrics, and what is known about the build.
package obs
