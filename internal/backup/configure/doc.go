// Package configure backs up everything but the data, and brings it back: settings, secrets
// (encrypted with age), the checkout, compose and nginx as rendered, the history of deploys,
// which images run, and by setting the images themselves. With that archive and the
// secret key of age an empty machine becomes what the lost one was; the data follows from
// the other backups.
//
// It owns what goes into the archive and where it lies when it is back. It works on the
// operator's machine, because settings and secrets are there. The form of the archive is
// package configarchive's; the repository is the backup service's.
package configure
