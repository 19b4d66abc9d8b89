// Package logical makes, checks and restores dumps of one PostgreSQL database.
//
// It owns: running pg_dump, pg_dumpall and pg_restore; the snapshot that the dump and
// its manifest share; the inventory of a database (exact rows, hashes, sequences, large
// objects, every object by name); restoring into a new database that appears whole or not
// at all; single tables; comparing a database with a manifest; collation versions.
//
// It does not own: where backups are kept and how one is published (Dump fills an empty
// folder, and its caller writes the manifest that it returns, last), schedules, retention,
// physical backups, or Docker: it runs where the tools are, in the backup image.
//
// A backup's folder:
//
//	manifest.json   see package manifest; without it the folder is no backup
//	globals.sql     roles, their grants and tablespaces of the whole server
//	dump/           pg_dump's directory format, zstd
//
// Exactness. All tables are locked against changes of their definition (ACCESS SHARE,
// which readers and writers do not notice) before the snapshot is taken. Without that a
// TRUNCATE or ALTER TABLE between the snapshot and pg_dump's own locks makes rows vanish
// from the dump without any error. Rows are counted and hashed by the server itself, in
// parallel with pg_dump, so that the manifest also proves that pg_dump lost nothing.
//
// Secrets. The password reaches children through PGPASSWORD: it needs no escaping, and
// only the same user and root can see it. A database's name is passed as a quoted
// connection string, since pg_dump and pg_restore take a name with = in it for one.
//
// No text is ever fed to psql. Newer tools write meta-commands into their SQL (\restrict) that
// an older psql stumbles over, and names could smuggle more in: roles are made again from
// the manifest, one quoted statement each. globals.sql is for people who rebuild a server.
//
// Exclusive locks. A dump is a long reader: whoever wants to TRUNCATE or ALTER a table
// meanwhile waits for it, and all who come later for that table wait behind. pg_dump's
// parallel jobs, too: such a dump is given up, which lets the others pass, and begun again
// with one job.
//
// Limits. Servers from version 15. Materialized views are refreshed by a restore, their
// old rows are not compared. Tables of extensions are left to the extension. Foreign
// tables' rows stay where they are. The state of logical replication is not part of a dump.
package logical
