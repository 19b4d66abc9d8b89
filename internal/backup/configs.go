package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"drydock/internal/backup/configarchive"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// ConfigFile is the one file of a configuration backup.
const ConfigFile = "config.tar.zst"

// configDetails is what a configuration backup's record keeps, for lists.
type configDetails struct {
	Files   int                     `json:"files"`
	Secrets int                     `json:"secrets"`
	Images  int                     `json:"images"`
	Signer  configarchive.PublicKey `json:"signer"`
}

// PutConfig keeps an archive of the configuration, which the operator's machine made. It is
// published when it was read back whole and its signature is right.
func (s *Service) PutConfig(ctx context.Context, archive io.Reader) (b store.Backup, err error) {
	w, err := s.begin(ctx, store.Spec{Kind: store.KindConfig, Zone: s.Config.Zone.String(), Holder: "backup:config"})
	if err != nil {
		return b, err
	}
	if err := writeNew(filepath.Join(w.Dir(), ConfigFile), archive); err != nil {
		err = fmt.Errorf("receiving the archive of the configuration: %w", err)
		return b, errors.Join(err, w.Abort(err))
	}
	sum, err := verifyConfig(ctx, w.Dir())
	if err != nil {
		return b, errors.Join(err, w.Abort(err))
	}
	kept, err := json.Marshal(configDetails{Files: len(sum.Index.Entries), Secrets: sum.Index.Secrets, Images: len(sum.Index.Images), Signer: sum.Signer})
	if err != nil {
		return b, errors.Join(err, w.Abort(err))
	}
	return w.Commit(ctx, store.Done{Details: kept, Verify: func(ctx context.Context, dir string, _ []store.File) error {
		_, err := verifyConfig(ctx, dir)
		return err
	}})
}

func writeNew(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

func verifyConfig(ctx context.Context, dir string) (sum configarchive.Summary, err error) {
	f, err := os.Open(filepath.Join(dir, ConfigFile))
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return configarchive.Verify(ctx, f)
}

// GetConfig writes the archive of a configuration backup; "" is the newest good one.
func (s *Service) GetConfig(id string, w io.Writer) (err error) {
	if id == "" {
		if id, err = s.newestConfig(); err != nil {
			return err
		}
	}
	use, err := s.Store.Use(id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, use.Close()) }()
	if use.Backup.Kind != store.KindConfig {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("reading %s: it is a backup of kind %s, not of the configuration", id, use.Backup.Kind))
	}
	f, err := os.Open(filepath.Join(use.Dir, ConfigFile))
	if err != nil {
		return fmt.Errorf("reading backup %s: %w", id, err)
	}
	defer f.Close() // only read
	_, err = io.Copy(w, f)
	return err
}

func (s *Service) newestConfig() (string, error) {
	list, err := s.Store.List()
	if err != nil {
		return "", err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if b := list[i]; b.Kind == store.KindConfig && b.Good() {
			return b.ID, nil
		}
	}
	return "", run.WithCode(run.CodeBadInput, errors.New("there is no good backup of the configuration; make one: backup:config"))
}
