// Package store keeps backups in a folder, normally a volume: each one whole or absent.
//
//	backups/<id>/record.json     what it is, with the sha256 of each file
//	backups/<id>/files/          what the tools wrote (nothing for a physical one, whose data pgBackRest keeps)
//	backups/<id>/marks.json      proven by which drill and when; damaged since when
//	backups/.partial-<id>/       one that is being written, or was when its process died
//	index/<id>.json              a copy of the record, so that a folder that vanished is missed
//	failures/<id>.json           runs that came to nothing, with the reason
//	trash/<id>/                  one that is being deleted
//	locks/<name>.lock            who is at work
//	schedule.jsonl               the scheduler's journal, written by package schedule
//	alarms.json, conditions.json which alarms were told and are not over, written by package backup,
//	verified.json, watched.json  and so is when all was last verified, and when who last looked from outside
//
// It owns the order of the steps: written aside, every file and folder synced, read back
// and hashed, verified by the caller's function, recorded, renamed. That rename is the one
// moment at which a backup comes to be, so a process that is killed, or a disk that is
// full, leaves nothing that is listed. The next Begin takes away what was left behind and
// records it as a failure.
//
// Ids begin with a number that only grows, so they sort in the order in which the backups
// were begun, whatever the clock did. Nothing is ever found by a prefix of a name.
//
// Several processes and containers may share the folder as long as they run on one kernel:
// the locks are flock's, which the kernel drops when their holder dies.
//
// It does not own: how a backup is made, what makes its content right (the caller's
// verify), which ones are to be removed (package retain), and when they run (schedule).
package store
