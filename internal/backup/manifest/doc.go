// Package manifest is the document that says what a logical backup holds: the server
// and tools that made it, the database's content as exact row counts and hashes, every
// object by name, and each file with its SHA-256.
//
// It owns the types, one canonical encoding of them, a strict Parse, the digest that
// the document carries of itself, the seam for a signature, and the pure comparison of
// two contents. It does not own where the values come from (package logical asks the
// server) nor where the document is kept.
//
// The encoding is canonical: Parse takes exactly what Encode writes, byte for byte. So
// there is one digest per content, and no edit can hide in what JSON ignores.
//
// Limits. The digest finds accidents and careless edits; whoever can write the file can
// write another digest, too. Against that stands the signature.
package manifest
