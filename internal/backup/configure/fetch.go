package configure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"drydock/internal/backup"
	"drydock/internal/backup/away"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// onS3 is REPOSITORY's word for the storage.
const onS3 = "s3"

// checkRepository looks whether the settings lead to the storage, if it is asked.
func (c *Config) checkRepository() error {
	s := c.Stack.Settings
	bad := func(format string, args ...any) error {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("restoring a configuration: "+format, args...))
	}
	switch s.Options.Repository {
	case "":
		return nil
	case onS3:
	default:
		return bad("REPOSITORY=%s: it is s3, or left out for the backup service of this environment", s.Options.Repository)
	}
	if s.Options.Archive != "" {
		return bad("ARCHIVE and REPOSITORY are both set, and each says where the archive is; leave one out")
	}
	p := s.Backup.Physical
	for _, needed := range []struct {
		name    string
		missing bool
	}{
		{"BACKUP_S3_ENDPOINT", p.S3.Endpoint == ""}, {"BACKUP_S3_BUCKET", p.S3.Bucket == ""},
		{"BACKUP_S3_ACCESS_KEY", p.S3.AccessKey == ""}, {"BACKUP_S3_SECRET_KEY", p.S3.SecretKey == ""},
		{"BACKUP_KEY", p.EncryptsS3() && p.Key == ""},
	} {
		if needed.missing {
			return bad("REPOSITORY=s3 needs %s of the environment %s; give it as on the machine that made the backup", needed.name, s.Env)
		}
	}
	return nil
}

// archive is the file of the archive; what has to be fetched comes into the folder.
func (c *Config) archive(ctx context.Context, dir string) (string, error) {
	o := c.Stack.Settings.Options
	switch {
	case o.Archive != "":
		return o.Archive, nil
	case o.Repository == onS3:
		return c.fromS3(ctx, filepath.Join(dir, "copy"))
	}
	path := filepath.Join(dir, backup.ConfigFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("restoring a configuration: %w", err)
	}
	return path, errors.Join(c.Remote.GetConfig(ctx, o.Backup, f), f.Close())
}

// fromS3 gets the copy on the storage that BACKUP names, or the newest. Nothing of the environment has to run.
func (c *Config) fromS3(ctx context.Context, dir string) (string, error) {
	s := c.Stack.Settings
	place, err := away.Of(s)
	if err != nil {
		return "", run.WithCode(run.CodeBadInput, err)
	}
	list, err := place.List(ctx)
	if err != nil {
		return "", err
	}
	m, err := choose(list, s.Options.Backup)
	if err != nil {
		return "", run.WithCode(run.CodeBadInput, fmt.Errorf("restoring a configuration from S3: below %s of %s %w", s.Backup.Physical.S3.Path, s.Backup.Physical.S3.Bucket, err))
	}
	c.say("fetching the configuration backup %s of %s from S3", m.ID, m.Record.Finished.Format("2006-01-02 15:04:05 UTC"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("restoring a configuration: %w", err)
	}
	return filepath.Join(dir, backup.ConfigFile), place.Get(ctx, m, dir)
}

// choose takes the copy with this id, or the newest one of a configuration: by time, since a machine that
// could not ask the storage began its numbers anew.
func choose(list []away.Manifest, id string) (chosen away.Manifest, err error) {
	for _, m := range list {
		switch {
		case id != "" && !m.Named(id):
		case m.Record.Kind == store.KindConfig && !m.Record.Finished.Before(chosen.Record.Finished):
			chosen = m
		case id != "":
			return chosen, fmt.Errorf("%s is a backup of kind %s, not of the configuration", m.ID, m.Record.Kind)
		}
	}
	switch {
	case chosen.ID != "":
		return chosen, nil
	case id != "":
		return chosen, fmt.Errorf("there is no copy of %s; leave BACKUP out for the newest", id)
	}
	return chosen, errors.New("there is no copy of a configuration backup; is BACKUP_S3_PATH the one that it was made with?")
}
