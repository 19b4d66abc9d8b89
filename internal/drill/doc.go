// Package drill proves a backup by restoring it: into a scratch stack of its own, where the
// database is compared with the backup's manifest, its indexes are checked, and the
// product's backend is started on it until it is ready.
//
// It owns the steps, the evidence and its rendering. The scratch stack is an ordinary one
// with another name (package stack), without a gateway and with nothing published; the
// repository is mounted read-only, and the live database is never spoken to.
package drill
