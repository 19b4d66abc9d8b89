// Package schedule says when backups run, runs them, and remembers it.
//
// A job has a cron line (five fields, or @daily and the like) and always a time zone by
// name. Around a change of the clocks:
//
//   - A job with fixed hours runs exactly once for each time that its line names. A time
//     that the change leaves out runs at the moment of the change (02:30 at 03:00); several
//     left out together are one run. A time that comes twice runs the first time.
//   - A job of every hour (`*` in the hours) goes by the hours that really pass: it
//     runs in both of the doubled ones, and has nothing to make up for in the missing one.
//
// What was missed while the machine was off or asleep is caught up once, however often it
// was missed. A job never overlaps with itself, nor with another of its group (full and
// incremental); what is due meanwhile is skipped and noted, or waits, as the job says.
// A run that was stopped or whose process died is tried once more after the restart.
//
// A clock that steps: a time that was run for is not run for again when the clock comes by
// once more, and times in the future that a wrong clock left in the journal hold nothing up.
//
// [Due] and [Overdue] are pure; [Runner] is the thin edge around them: a clock, a journal,
// goroutines. The journal is a file to which every event is appended and synced. If it cannot be
// written, backups run all the same, and that is counted and told.
//
// It does not own: what a job does, locks between processes (one scheduler per repository:
// the caller holds the store's lock "scheduler"), nor how people are told (package notify).
package schedule
