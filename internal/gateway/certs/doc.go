// Package certs owns the gateway's certificates as things: what is a good pair, how one
// is made for development, and how one lies on disk.
//
//   - Authority is a local authority that signs for development; Local keeps one in a
//     folder of the host, so that it is imported into a browser once.
//   - Check says everything that is wrong with a pair somebody brought, and what to do.
//   - Read and NeedsRenewal answer questions about a certificate.
//   - Placeholder lets nginx start before the first real certificate is there.
//   - Store keeps pairs in a folder so that nobody ever reads the certificate of one pair
//     with the key of another.
//
// It does not talk to a certificate authority over the network (internal/gateway/acme),
// and does not know nginx. Only Local and Store touch the disk; time is always given.
package certs
