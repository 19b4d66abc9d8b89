package physical

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"drydock/internal/run"
)

// Names of the repositories.
const (
	Local = "local"
	S3    = "s3"
)

// Repo is one of pgBackRest's repositories.
type Repo struct {
	Name   string // Local or S3
	Config string // path of its configuration file
	Path   string // PATH of its programs; "" is the backup image's
	Log    func(string)
}

// Repos are the repositories that the files in a folder describe, the local one first; none
// where physical backups are off.
func Repos(dir string, log func(string)) ([]Repo, error) {
	var all []Repo
	for _, r := range []Repo{{Name: Local, Config: filepath.Join(dir, LocalFile)}, {Name: S3, Config: filepath.Join(dir, S3File)}} {
		_, err := os.Stat(r.Config)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("looking for the configuration of pgBackRest: %w", err)
		}
		r.Log = log
		all = append(all, r)
	}
	return all, nil
}

// call runs pgBackRest and returns what it wrote to standard output.
func (r Repo) call(ctx context.Context, command string, words ...string) ([]byte, error) {
	var out bytes.Buffer
	err := r.stream(ctx, &out, command, words...)
	return out.Bytes(), err
}

func (r Repo) stream(ctx context.Context, out io.Writer, command string, words ...string) error {
	path := r.Path
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	var said bytes.Buffer
	errs := io.Writer(&said)
	if r.Log != nil {
		lines := &run.LineWriter{Each: func(line []byte) error {
			if text := bytes.TrimSpace(line); len(text) > 0 {
				r.Log("pgbackrest: " + string(text))
			}
			return nil
		}}
		defer func() { _ = lines.Close() }() // Each never fails
		errs = io.MultiWriter(&said, lines)
	}
	err := run.Run(ctx, run.Cmd{
		Name: "pgbackrest", Args: append([]string{"--config=" + r.Config, "--stanza=" + stanza, command}, words...),
		Env: []string{"PATH=" + path, "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=/nonexistent"}, Stdout: out, Stderr: errs,
	})
	if err != nil {
		return explain(r, command, said.String(), err)
	}
	return nil
}
