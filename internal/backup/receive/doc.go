// Package receive keeps a second copy of the write-ahead log (WAL), so that no commit that
// was acknowledged is lost with the database's volume (RPO=zero).
//
// It owns two programs that run apart from each other, and what they agree on:
//
//   - [Receiver], in the backup service, runs pg_receivewal as a synchronous standby. A
//     commit is acknowledged when its WAL is synced in the receiver's folder.
//   - [Guard], in a container of its own, decides whether commits wait for the receiver. It
//     must work while the receiver is dead or paused, so it cannot live beside it; and
//     it only needs SQL, so that it works with anybody's image of PostgreSQL.
//
// What the receiver wrote lies in runs, folders of WAL without a gap:
//
//	<dir>/<system identifier>/<timeline>-<number>/<segment>, <segment>.partial, position.json
//
// A database that was made anew has another system identifier, one that was restored has
// another timeline, and a run that could not be continued gets a new number: nothing is
// ever written over what another history left. [Find] lists what is of use there, and
// [Complete] takes from it what a restored database lacks.
//
// The setting (synchronous_standby_names) is changed with ALTER SYSTEM, which writes no WAL
// and so cannot wait for the receiver itself. It is switched on when the receiver has
// caught up, and off by policy "degrade" when it was away for too long: PostgreSQL then
// lets go of every commit that waits.
//
// It does not own base backups, the archive, or the restore (packages beside it). A run is
// of use together with a base backup and the archive up to where the run begins.
package receive
