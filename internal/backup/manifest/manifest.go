package manifest

import "time"

// Format is the version of the document that this package writes and reads.
const Format = 1

// KindLogical is the kind of backup that is described: a dump made by pg_dump.
const KindLogical = "logical"

// FileName is the document's name in the folder of a backup.
const FileName = "manifest.json"

// Manifest describes one backup. Lists are sorted, see Normalise.
type Manifest struct {
	Format int    `json:"format"`
	Kind   string `json:"kind"`

	Started  time.Time `json:"started"`  // by the clock of the machine that made it
	Finished time.Time `json:"finished"` // by the same clock
	// SnapshotAt is the moment whose state the backup holds, by the server's clock;
	// SnapshotLSN is where its log was then, "" on a standby of an unknown position.
	SnapshotAt  time.Time `json:"snapshotAt"`
	SnapshotLSN string    `json:"snapshotLSN"`

	Server  Server  `json:"server"`
	Tools   []Tool  `json:"tools"`
	Options Options `json:"options"`
	Sizes   Sizes   `json:"sizes"`

	Contents Contents `json:"contents"`

	Warnings []string `json:"warnings"` // what pg_dump or the inventory warned of
	Files    []File   `json:"files"`    // all of them but this document

	// Digest is "sha256:HEX" of the document with Digest and Signature empty.
	Digest    string     `json:"digest"`
	Signature *Signature `json:"signature,omitempty"` // of Digest
}

// Server is the one that was dumped.
type Server struct {
	Version          string    `json:"version"`       // as the server says it: 17.5 (Debian 17.5-1)
	VersionNumber    int       `json:"versionNumber"` // 170005
	SystemIdentifier string    `json:"systemIdentifier"`
	Settings         []Setting `json:"settings"` // those that a restore or its reader may need
}

// Major is the server's major version.
func (s Server) Major() int { return s.VersionNumber / 10000 }

// Setting is one setting as the server shows it.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Tool is a program that took part.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"` // its answer to --version
}

// Options are the choices with which the dump was made.
type Options struct {
	Compression   string `json:"compression"` // zstd:3
	Jobs          int    `json:"jobs"`
	RolePasswords bool   `json:"rolePasswords"` // whether the globals hold password verifiers
}

// Sizes are in bytes.
type Sizes struct {
	Database int64 `json:"database"` // on the server's disk, indexes included
	Files    int64 `json:"files"`    // of this backup
}

// File is one file of the backup.
type File struct {
	Path   string `json:"path"` // slash separated, below the backup's folder
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // lower case hexadecimal
}

// Duration is how long the dump took.
func (m *Manifest) Duration() time.Duration { return m.Finished.Sub(m.Started) }

// Tool returns the version of a tool, "" if it took no part.
func (m *Manifest) Tool(name string) string {
	for _, t := range m.Tools {
		if t.Name == name {
			return t.Version
		}
	}
	return ""
}
