package configure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drydock/internal/aside"
	"drydock/internal/backup/configarchive"
	"drydock/internal/env"
	"drydock/internal/run"
)

// Restore makes the folder that INTO names: the checkout, with this machine's settings and
// secrets in it, and what was only recorded below backup/. Images of the archive are loaded
// into the engine. ARCHIVE names the file, with REPOSITORY=s3 the storage has it, else the backup
// service. The folder is there, complete and verified, or it is not there.
func (c *Config) Restore(ctx context.Context) (err error) {
	o := c.Stack.Settings.Options
	switch {
	case o.Into == "":
		return run.WithCode(run.CodeBadInput, errors.New("restoring a configuration: INTO is not set; give a folder that is not there yet, for example INTO=/srv/site"))
	case o.AgeKey == "":
		return run.WithCode(run.CodeBadInput, errors.New("restoring a configuration: AGE_KEY_FILE is not set; give the file with the secret key that BACKUP_AGE_RECIPIENTS was made with"))
	}
	if err := c.checkRepository(); err != nil {
		return err
	}
	into, err := filepath.Abs(o.Into)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(into); !errors.Is(err, fs.ErrNotExist) {
		return run.WithCode(run.CodeBadInput, errors.Join(fmt.Errorf("restoring a configuration: %s is there already; give a folder that is not there yet", into), err))
	}
	read, text, err := c.readOptions()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(into), "."+filepath.Base(into)+"-*")
	if err != nil {
		return fmt.Errorf("restoring a configuration: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	archive, err := c.archive(ctx, temp)
	if err != nil {
		return err
	}
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("restoring a configuration: %w", err)
	}
	sum, err := configarchive.Read(ctx, f, filepath.Join(temp, "whole"), read)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	made, err := arrange(filepath.Join(temp, "whole"), sum.Index.Env)
	if err != nil {
		return fmt.Errorf("restoring a configuration: %w", err)
	}
	loaded, err := c.loadImages(ctx, filepath.Join(temp, "whole", "files", imagesTar), sum.Index.Images)
	if err != nil {
		return err
	}
	if err := os.Rename(made, into); err != nil {
		return fmt.Errorf("restoring a configuration: %w", err)
	}
	if err := c.confirm(sum.Index, text); err != nil {
		return err
	}
	return c.tell(into, sum, loaded)
}

// readOptions are the keys that the options name; text is the secret one's file.
func (c *Config) readOptions() (r configarchive.ReadOptions, text string, err error) {
	o := c.Stack.Settings.Options
	key, err := os.ReadFile(o.AgeKey)
	if err != nil {
		return r, "", run.WithCode(run.CodeBadInput, fmt.Errorf("AGE_KEY_FILE: %w", err))
	}
	if r.Identities, err = configarchive.ParseIdentities(string(key)); err != nil {
		return r, "", run.WithCode(run.CodeBadInput, fmt.Errorf("AGE_KEY_FILE %s: %w", o.AgeKey, err))
	}
	if o.Signer != "" {
		trusted, err := configarchive.ParsePublicKey(o.Signer)
		if err != nil {
			return r, "", run.WithCode(run.CodeBadInput, fmt.Errorf("SIGNER: %w", err))
		}
		r.Trusted = []configarchive.PublicKey{trusted}
	}
	return r, string(key), nil
}

// arrange puts what was unpacked where a checkout has it, and returns the checkout.
func arrange(whole, environment string) (string, error) {
	files, secrets := filepath.Join(whole, "files"), filepath.Join(whole, "secrets")
	root := filepath.Join(files, checkoutDir)
	if _, err := os.Stat(root); err != nil {
		return "", fmt.Errorf("the archive has no checkout: %w", err)
	}
	kept := filepath.Join(root, ".secrets", environment)
	if err := os.MkdirAll(kept, 0o700); err != nil {
		return "", err
	}
	moves := []struct{ from, to string }{
		{filepath.Join(secrets, tlsDir), filepath.Join(kept, tlsDir)},
		{filepath.Join(secrets, signerKey), filepath.Join(kept, "config-signer.pem")},
	}
	values, err := os.ReadDir(filepath.Join(secrets, valuesDir))
	if err != nil {
		return "", fmt.Errorf("the archive has no secrets: %w", err)
	}
	for _, v := range values {
		moves = append(moves, struct{ from, to string }{filepath.Join(secrets, valuesDir, v.Name()), filepath.Join(root, env.SecretPath(environment, v.Name()))})
	}
	record := filepath.Join(root, ".drydock", "restored")
	if err := os.MkdirAll(record, 0o700); err != nil {
		return "", err
	}
	for _, name := range []string{settingsJSON, imagesJSON, readmeFile, renderedDir, deployDir} {
		moves = append(moves, struct{ from, to string }{filepath.Join(files, name), filepath.Join(record, name)})
	}
	for _, m := range moves {
		if err := os.Rename(m.from, m.to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	var local []byte
	for _, dir := range []string{files, secrets} {
		text, err := os.ReadFile(filepath.Join(dir, localEnv))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		local = append(local, text...)
	}
	if err := aside.WriteBytes(filepath.Join(root, ".env."+environment+".local"), 0o600, local); err != nil {
		return "", err
	}
	return root, aside.SyncDir(root)
}

// loadImages brings the images back, if the archive has them, and looks whether they are
// those that ran.
func (c *Config) loadImages(ctx context.Context, path string, want map[string]string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("loading the images: %w", err)
	}
	// The client of HTTP would close the file, too.
	_, err = c.Stack.Engine.Load(ctx, struct{ io.Reader }{f}, nil)
	if err = errors.Join(err, f.Close()); err != nil {
		return false, fmt.Errorf("loading the images: %w", err)
	}
	for ref, id := range want {
		if _, err := c.Stack.Engine.Image(ctx, ref); err != nil {
			return false, fmt.Errorf("loading the images: %s (%s) ran, and is not among them: %w", ref, id, err)
		}
	}
	return true, nil
}

// confirm notes that the key of age was shown, in the checkout that this runs in: its
// backups warn until somebody has.
func (c *Config) confirm(index configarchive.Index, key string) error {
	s := c.Stack.Settings
	recipients, err := configarchive.ParseRecipients(strings.Join(s.Backup.Config.Recipients, "\n"))
	if err != nil || recipients.None() || !slices.Equal(recipients.Names(), index.Recipients) {
		return nil // another installation's
	}
	identities, err := configarchive.ParseIdentities(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.escrowPath()), 0o700); err != nil {
		return fmt.Errorf("noting that the key was shown: %w", err)
	}
	return configarchive.ConfirmEscrow(c.escrowPath(), recipients, identities, "shown as "+s.Options.AgeKey, time.Now())
}

// Restored is what a restore of the configuration did; the JSON names are stable.
type Restored struct {
	Folder  string            `json:"folder"`
	Project string            `json:"project"`
	Env     string            `json:"env"`
	Made    time.Time         `json:"made"`
	Host    string            `json:"host"`
	Signer  string            `json:"signer"`
	Trusted bool              `json:"trusted"`
	Secrets int               `json:"secrets"`
	Images  map[string]string `json:"images"`
	Loaded  bool              `json:"images_loaded"`
	Next    []string          `json:"next"`
}

func (c *Config) tell(into string, sum configarchive.Summary, loaded bool) error {
	i := sum.Index
	r := Restored{into, i.Project, i.Env, i.Created, i.Host, string(sum.Signer), sum.Trusted, i.Secrets, i.Images, loaded, next(into, i.Env)}
	if c.Stack.Settings.Options.Format == "json" {
		enc := json.NewEncoder(c.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	text := fmt.Sprintf("%s is in %s: the configuration of %s (%s) as of %s, made on %s, %d secrets\n",
		"the checkout", into, r.Project, r.Env, r.Made.Format("2006-01-02 15:04:05 UTC"), r.Host, r.Secrets)
	if sum.Trusted {
		text += "signed by the key that SIGNER names\n"
	} else {
		text += "signed by " + r.Signer + "; SIGNER was not given, so compare it with your note\n"
	}
	if loaded {
		text += fmt.Sprintf("%d images are in the engine\n", len(r.Images))
	} else {
		text += "the images are not in the archive: `up` builds them\n"
	}
	text += "next:\n  " + strings.Join(r.Next, "\n  ") + "\n"
	_, err := io.WriteString(c.Out, text)
	return err
}

// next are the commands that bring the environment back.
func next(into, environment string) []string {
	e := ""
	if environment != "dev" {
		e = "ENV=" + environment + " "
	}
	list := []string{"cd " + into, e + "go tool mage env:check", e + "go tool mage up"}
	// The checkout's own settings decide, not those of the machine that this runs on.
	s, err := env.Load(env.Source{Root: into, Env: environment, ReadOnly: true, Secretless: true})
	if err != nil {
		return append(list, "then the data: docs/en/data-recovery.md, \"The machine is lost\"")
	}
	return append(list, data(s, e)...)
}

// data are the commands that bring the database back, the way that loses the least.
func data(s *env.Settings, e string) []string {
	away := s.Backup.Physical.S3.Endpoint != ""
	dump := e + "DATABASE=" + s.Database.Name + " REPLACE=1 go tool mage backup:restore"
	switch {
	case s.Physical() && away:
		return []string{"then the data, from S3: " + e + "REPOSITORY=s3 AT=latest REPLACE=1 go tool mage backup:restore"}
	case s.Physical():
		return []string{fmt.Sprintf("then the data, from copies of the volumes %s-repo and %s-backup that were put back before `up`: %sAT=latest REPLACE=1 go tool mage backup:restore", s.Project, s.Project, e)}
	case away:
		return []string{"then the data, from S3: " + e + "go tool mage backup:fetch", dump}
	}
	return []string{fmt.Sprintf("then the data, from a copy of the volume %s-backup that was put back before `up`: %s", s.Project, dump)}
}

func readme(s *env.Settings) string {
	return fmt.Sprintf(`The configuration of %s (environment %s): what an empty machine needs besides the data.

What you need: this archive, the secret key of age that BACKUP_AGE_RECIPIENTS was made with, Docker, and Go.
On the empty machine:

  mkdir tools && tar --zstd -xf config.tar.zst -C tools files/checkout
  cd tools/files/checkout
  sh scripts/install-go.sh && go tool mage setup
  ENV=%s ARCHIVE=.../config.tar.zst AGE_KEY_FILE=.../key.txt SIGNER=ed25519:... INTO=/srv/site go tool mage backup:configRestore

That verifies everything, opens the secrets, loads the images that are in here, and says what comes next. SIGNER is the key that was noted beside
key.txt; without it, who signed is only shown.
`, s.Project, s.Env, s.Env)
}
