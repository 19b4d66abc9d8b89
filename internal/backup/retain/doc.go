// Package retain decides which backups stay. It is pure: the same backups, policy and
// time give the same plan, and every decision has its reasons.
//
// What counts is a root: a full backup with everything that hangs on it. Incrementals are
// no redundancy, for they fall with their root. So "keep 2" keeps two chains, and a chain
// stays or goes as one, except that the bound on the size may shorten an old one from its end.
//
// The rules are grandfather-father-son: the newest, and the newest root of each of the
// last N hours, days, weeks (ISO), months and years in which there was one, in the zone of
// the policy. Nothing is removed for its age: when backups stop, the old ones stay.
//
// Whatever the rules say, these are never removed:
//   - the newest good backup and the newest proven one, with all that they need;
//   - anything that a kept one needs;
//   - damaged ones, and those whose chain is broken: a person looks at them. They count for nothing;
//   - those dated later than now: either clock may be wrong. They take no one's place.
//
// And nothing at all of a series is removed when its newest run failed or its newest
// backup is damaged: what is there may be all that there will be.
//
// Newest means begun last, by the number in the id, not by the clock. A time is only used
// to say in which period a backup lies, and a period is never counted twice, so a clock
// that stepped costs at most a few places in the rules, never the newest backups.
//
// The bound on the size counts everything of a series. The oldest chains go first; if what
// must stay is larger than the bound, the plan says so.
//
// A series (database, kind, repository) never influences another one.
//
// It does not own: what a backup is (package store), nor the removal itself.
package retain
