// Package drill proves backups by restoring them: into a scratch stack of its own, where the
// database is compared with the backup's manifest, its indexes are checked, and the
// product's backend, of the release that serves if there is one, is started on it until it is
// ready and reads and writes. Then things are damaged on purpose, and the same checks have to see that.
//
// It owns the steps, the evidence and its rendering. The scratch stack is an ordinary one
// with another name (package stack), without a gateway and with nothing published; the
// repository is mounted read-only. Of the live database only the newest heartbeat is read,
// from which the loss is known. What is compared, and how, is the backup service's.
package drill
