// Package configarchive writes and reads the archive from which an empty machine gets its
// configuration back: a tar, compressed with zstd, in this order:
//
//	files/...    what is no secret: settings, compose and nginx as rendered, deploy history, saved images
//	secrets.age  a tar of the secrets, encrypted with age; absent where there are none
//	index.json   path, size, sha256 and mode of each of these, and where they are from
//	index.sig    an ed25519 signature of the index, with the public key
//
// Order, times and owners are fixed: the same input gives the same bytes, secrets.age apart
// (encryption is never the same twice).
//
// No secret is ever in it in clear text. Secrets without a recipient are refused, and so is
// a file in which the value of one of the secrets stands. Saved images, which may be large,
// are not searched: what is in an image is public to whoever has the image.
//
// Reading trusts nothing before the whole was read: a truncated archive, a changed byte, a
// missing, added or exchanged file, another signer, a wrong key are each named, and [Read]
// leaves no folder behind then. A signature proves that the archive comes from who has the
// key; without a key that one trusts it proves only that the archive is whole.
//
// It does not own: what belongs into the archive (all input is values and readers), where
// it is kept (package store), and which keys are used.
package configarchive
