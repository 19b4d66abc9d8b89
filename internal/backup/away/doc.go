// Package away keeps copies of dumps and configuration backups in a bucket of S3-compatible
// storage, for when the machine is lost. (pgBackRest keeps the physical ones there by itself.)
//
// It owns the form of a copy: one object with all files, encrypted with age where the setting
// says so, and a manifest, which is written last and removed first. So a copy is whole or absent,
// wherever an upload was cut off. Which backups have a copy, and how long, is the service's
// decision (package backup).
//
//	<BACKUP_S3_PATH>/copies/<id>/data.tar[.age]
//	<BACKUP_S3_PATH>/copies/<id>/manifest.json
//
// `age --decrypt` with BACKUP_KEY as the passphrase, and tar, open one without Drydock.
package away
