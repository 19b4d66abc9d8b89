// Package stack brings a whole environment up and down, and tells how it is.
//
// It owns the order of things: images, ports, secrets, data services,
// migrations, apps, gateway; and what a person asks of a running environment
// (status, logs, a database prompt). Each step is another package's: image
// builds, compose runs, engine looks.
//
// It does not replace a release under load; that is deploy's work.
package stack
