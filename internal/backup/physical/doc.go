// Package physical makes, reads, checks and fetches copies of the database's files with
// pgBackRest, and says what each can be restored to.
//
// It owns everything that is known of pgBackRest here: its configuration, its words, what it
// answers, what its errors mean. The rest of Drydock sees repositories, backups and windows of
// time, so another program could take its place.
//
// A repository is described by one configuration file (Render): the local one, in a volume
// that the database shares, whose archive_command pushes the log into it; and one on S3. Each
// is the only one in its file. What pgBackRest offers for two repositories in one file would
// have the database wait for the S3 server, and keep its log while that is away; here the
// backup service passes the log on (Relay), and the local repository is the buffer.
//
// pgBackRest never removes anything by itself (its retention is set to what nobody reaches);
// package retain decides, and Remove does it.
//
// It does not own: the records and marks of backups (package store), the times at which things
// happen (package schedule), containers (package recovery).
package physical
