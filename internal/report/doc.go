// Package report makes one page about an environment: what runs and how it is, which
// release serves, what was deployed, which backups there are and how far back they reach,
// how drills went, when the certificate ends, and what takes the disk.
//
// It owns the value (Report), its page (one HTML file that loads nothing and runs nothing),
// and gathering. Each part is gathered by itself: one that cannot be told says why in its
// place, since a page about trouble is wanted most when something is broken.
//
// It does not own the pictures (package plot), nor what the parts say: those are the words
// of packages stack, deploy, drill and of the backup service.
package report
