// Package watch looks at an environment from outside, with the engine's eyes, and tells
// BACKUP_WEBHOOK what is wrong: services that are not healthy, a certificate that ends, runs of
// timers that failed. What the backup service can see by itself (disks, the age of backups) it
// tells by itself; the two watch each other.
//
// It needs the engine, as every target does, so nothing inside of the stack has to have its
// socket. What was told is kept in .drydock/alarms of the machine that looks.
package watch
