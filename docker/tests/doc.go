// Package dockertest holds the images of PostgreSQL and Redis to their promises,
// in real containers that are as hardened as in production: read-only root, no
// capability, secrets in files that only the service's uid can read.
//
// It owns no code that ships. How the images are built is internal/image's.
package dockertest
