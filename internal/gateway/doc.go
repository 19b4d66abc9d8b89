// Package gateway owns what Drydock knows about its entrance: the nginx
// configuration below nginx/ and the image made from it.
//
// The configuration is plain nginx; the few values that are known at start only
// (colour, ports, limits) are rendered by docker/gateway/entrypoint inside the
// image, and checked by nginx itself before it starts. The tests here hold that
// image against the faults that gateways are known for.
//
// It does not start containers (internal/compose) or choose the active colour
// (internal/deploy).
package gateway
