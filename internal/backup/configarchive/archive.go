package configarchive

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

const (
	filesPrefix = "files/"
	secretsName = "secrets.age"
	indexName   = "index.json"
	sigName     = "index.sig"

	format = 1
)

// Input is what goes into an archive.
type Input struct {
	Created time.Time // also the time of every file in it; seconds count
	Project string
	Env     string
	Host    string
	Images  map[string]string // name -> digest of what runs
	Files   []File
	Streams []Stream
	Secrets []File // only ever written encrypted
}

// File is a small file.
type File struct {
	Path string      // with slashes, relative, e.g. "nginx/nginx.conf"
	Mode fs.FileMode // permission bits; 0 means 0644, and 0600 for a secret
	Data []byte
}

// Stream is a large file, e.g. a saved image. It is read once.
type Stream struct {
	Path string
	Mode fs.FileMode // as of a File
	Size int64       // exactly; less than 0 if it is not known: then it is spooled to a file first
	Open func() (io.ReadCloser, error)
}

// Index says what an archive holds.
type Index struct {
	Format     int               `json:"format"`
	Created    time.Time         `json:"created"` // UTC
	Project    string            `json:"project"`
	Env        string            `json:"env"`
	Host       string            `json:"host"`
	Images     map[string]string `json:"images,omitempty"`
	Secrets    int               `json:"secrets"`              // how many files secrets.age holds
	Recipients []string          `json:"recipients,omitempty"` // who can open it
	Entries    []Entry           `json:"entries"`              // in the order of the archive
}

// Entry is one file of the archive.
type Entry struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Mode   uint32 `json:"mode"` // permission bits
}

// validPath accepts what is safe to make below a folder on any machine.
func validPath(path string) error {
	if !fs.ValidPath(path) || path == "." || strings.ContainsAny(path, "\\\x00\r\n") {
		return fmt.Errorf("%q is no plain relative path", path)
	}
	return nil
}

// validPaths refuses a path that comes twice, or is a folder and a file at once.
func validPaths(paths []string) error {
	sorted := slices.Clone(paths)
	slices.Sort(sorted)
	seen := map[string]bool{}
	for _, p := range sorted {
		if err := validPath(p); err != nil {
			return err
		}
		if seen[p] {
			return fmt.Errorf("%q is given twice", p)
		}
		for i, c := range p {
			if c == '/' && seen[p[:i]] {
				return fmt.Errorf("%q is given as a file, and as the folder of %q", p[:i], p)
			}
		}
		seen[p] = true
	}
	return nil
}
