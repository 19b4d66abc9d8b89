package configure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drydock/internal/aside"
	"drydock/internal/backup/configarchive"
	"drydock/internal/backup/remote"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Config is the configuration of one environment.
type Config struct {
	Stack    *stack.Stack
	Remote   *remote.Remote
	Out, Err io.Writer
}

func (c *Config) secretsFile(name string) string {
	return c.Stack.Settings.Path(filepath.Join(".secrets", c.Stack.Settings.Env, name))
}

// keyPath is the key that archives are signed with; escrowPath the note that the key of
// age was shown.
func (c *Config) keyPath() string    { return c.secretsFile("config-signer.pem") }
func (c *Config) escrowPath() string { return c.secretsFile("config-escrow.json") }

// Backup makes an archive, keeps it with the other backups and prints its id. ARCHIVE names
// a file for a copy; without a running backup service that file is all there is.
func (c *Config) Backup(ctx context.Context) (err error) {
	s := c.Stack.Settings
	recipients, err := configarchive.ParseRecipients(strings.Join(s.Backup.Config.Recipients, "\n"))
	if err != nil {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("BACKUP_AGE_RECIPIENTS: %w", err))
	}
	if recipients.None() {
		return run.WithCode(run.CodeBadInput, errors.New("backing up the configuration: nobody is named who can open its secrets. On another machine: age-keygen -o key.txt; "+
			"keep that file there, and put the public key that it shows (age1...) into BACKUP_AGE_RECIPIENTS"))
	}
	if err := os.MkdirAll(filepath.Dir(c.keyPath()), 0o700); err != nil {
		return fmt.Errorf("making the signing key: %w", err)
	}
	key, created, err := configarchive.LoadKey(c.keyPath())
	if err != nil {
		return err
	}
	if created {
		c.say("archives are signed from now on; note this where the key of age is, and give it as SIGNER when you restore: %s", key.Public())
	}
	in, err := c.collect(ctx, time.Now())
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(s.Path(".drydock"), "config-*")
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(s.Path(".drydock"), 0o700); err == nil {
			temp, err = os.MkdirTemp(s.Path(".drydock"), "config-*")
		}
	}
	if err != nil {
		return fmt.Errorf("making room for the archive: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	path := filepath.Join(temp, "config.tar.zst")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making room for the archive: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	index, err := configarchive.Write(ctx, f, in, configarchive.WriteOptions{Key: key, Recipients: recipients, TempDir: temp})
	if err != nil {
		return err
	}
	if err := c.deliver(ctx, f); err != nil {
		return err
	}
	c.say("%d files, %d secrets for %s, %d images%s", len(index.Entries), index.Secrets, strings.Join(index.Recipients, ", "), len(index.Images), withImages(s))
	escrow, err := configarchive.CheckEscrow(c.escrowPath(), recipients)
	if err == nil && !escrow.Confirmed {
		c.say("WARNING: %s: INTO=/tmp/trial AGE_KEY_FILE=key.txt %s", escrow.Warning, c.Stack.Command("backup:configRestore"))
	}
	return err
}

func withImages(s *env.Settings) string {
	if s.Backup.Config.Images {
		return ", themselves included"
	}
	return " by their digests (BACKUP_CONFIG_IMAGES=true puts them in)"
}

// deliver sends the archive to the repository, and to the file that ARCHIVE names.
func (c *Config) deliver(ctx context.Context, f *os.File) error {
	to := c.Stack.Settings.Options.Archive
	if to != "" {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		err := aside.Write(to, 0o600, func(w io.Writer) error { _, err := io.Copy(w, f); return err })
		if err != nil {
			return fmt.Errorf("writing the copy: %w", err)
		}
		c.say("a copy is in %s", to)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	id, err := c.Remote.PutConfig(ctx, f)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Out, id)
	return err
}

func (c *Config) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Err, format+"\n", args...) // narration
}
