// Package backup is what the backup service does: dump, list, verify, prune and restore,
// on request and by the clock.
//
// It owns the order of those things and what they are told from outside (the container's
// environment). Packages below it each own a part: store (a repository in which a backup
// is whole or absent), logical and manifest (dumps that can be compared with what was
// restored from them), retain (what may go), schedule (when), configarchive (settings).
//
// It runs inside the backup container, beside the database and without the engine's
// socket; operators reach it through `docker exec` (package remote).
package backup
