package stack

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"drydock/internal/backup/away"
	"drydock/internal/backup/physical"
	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

// secretSet is the files that one service finds in /run/secrets.
type secretSet struct {
	Service  string
	Files    map[string]string
	UID, GID int
	Mode     fs.FileMode // of each file
}

// secretRounds slows down guessing at a secret from a volume's name, which is no
// secret itself. 20 ms.
const secretRounds = 100_000

// volume is the name of the set's volume. It depends on the content: a changed secret
// gives a new volume, so exactly the services that have it are made anew, and the old
// volume is there as long as an old container needs it.
func (s secretSet) volume(project string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:%d:%o\n", s.UID, s.GID, s.Mode)
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		fmt.Fprintf(&b, "%q=%q\n", name, s.Files[name])
	}
	key, err := pbkdf2.Key(sha256.New, b.String(), []byte("drydock secrets "+project+" "+s.Service), secretRounds, 6)
	if err != nil {
		panic(fmt.Sprintf("deriving a key with fixed parameters cannot fail: %v", err))
	}
	return project + "-" + s.Service + "-secrets-" + hex.EncodeToString(key)
}

// ofApp says whether an app reads it, and not a service that both colours share.
func (s secretSet) ofApp() bool { return s.Service == "backend" || s.Service == "frontend" }

// archive is the content of the volume: a folder that everyone may look into, and files.
func (s secretSet) archive() []engine.File {
	files := []engine.File{{Name: "./", Mode: 0o755}}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		files = append(files, engine.File{Name: name, Mode: s.Mode, UID: s.UID, GID: s.GID, Data: []byte(s.Files[name])})
	}
	return files
}

// identity is who reads the secrets of a service.
type identity struct {
	UID, GID int
	Known    bool // false: the image names a user, whose number only its /etc/passwd knows
}

// parseUser reads the user of an image or a compose file: "", "name", "uid" or "uid:gid".
func parseUser(user string) identity {
	u, g, hasGroup := strings.Cut(user, ":")
	if u == "" || u == "root" {
		return identity{Known: true}
	}
	uid, err := strconv.Atoi(u)
	if err != nil {
		return identity{}
	}
	gid, err := strconv.Atoi(g)
	if err != nil && hasGroup {
		gid = 0
	}
	return identity{UID: uid, GID: gid, Known: true}
}

func (id identity) set(service string, files map[string]string) secretSet {
	s := secretSet{Service: service, Files: files, UID: id.UID, GID: id.GID, Mode: 0o400}
	if !id.Known {
		// The volume is mounted in this service alone, so "everyone" is whoever runs in it.
		s.UID, s.GID, s.Mode = 0, 0, 0o444
	}
	return s
}

// secretSets is what each service gets.
func secretSets(s *env.Settings, backend, frontend identity, certificate map[string]string, ca string) []secretSet {
	data := identity{UID: 999, GID: 999, Known: true}    // as data.yaml says
	gateway := identity{UID: 101, GID: 101, Known: true} // as gateway.yaml says
	frontendFiles := map[string]string{}
	addUser(frontendFiles, s.Frontend)
	db, backup := physical.Files(s, ca)
	with := func(files, more map[string]string) map[string]string {
		if files == nil {
			files = map[string]string{}
		}
		maps.Copy(files, more)
		return files
	}
	return []secretSet{
		data.set("db", with(map[string]string{"db_password": s.Database.Password.Reveal()}, db)),
		data.set("redis", map[string]string{"redis_password": s.Redis.Password.Reveal()}),
		data.set("backup", with(map[string]string{"db_password": s.Database.Password.Reveal(), "webhook": s.Backup.Webhook.Reveal(), "webhook_proxy": serviceProxy(s)}, with(away.Files(s, ca), backup))),
		gateway.set("gateway", certificate),
		backend.set("backend", backendSecrets(s)),
		frontend.set("frontend", frontendFiles),
	}
}

// serviceProxy is the proxy on the backup service's way to its webhook. One that was not given
// for that, and listens on this machine's loopback, is not reached from a container.
func serviceProxy(s *env.Settings) string {
	proxy, err := s.WebhookProxy(s.Backup.Webhook)
	if err != nil || proxy == nil {
		return "" // the form of each was checked with the settings
	}
	host := proxy.Hostname()
	if a, err := netip.ParseAddr(host); s.Build.WebhookProxy == "" && (host == "localhost" || err == nil && a.IsLoopback()) {
		return ""
	}
	return proxy.String()
}

// backendSecrets are the files of the backend, and of its migrations.
func backendSecrets(s *env.Settings) map[string]string {
	redis := url.URL{Scheme: "redis", User: url.UserPassword("default", s.Redis.Password.Reveal()), Host: "redis:6379", Path: "/0"}
	files := map[string]string{
		"db_password":    s.Database.Password.Reveal(),
		"redis_password": s.Redis.Password.Reveal(),
		"database_url":   databaseURL(s.Database),
		"redis_url":      redis.String(),
	}
	addUser(files, s.Backend)
	return files
}

// databaseURL is a connection URI (PostgreSQL manual, 32.1.1.2) with every part
// percent-encoded.
func databaseURL(d env.Database) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(d.User, d.Password.Reveal()), Host: "db:5432",
		Path: "/" + d.Name, RawPath: "/" + url.PathEscape(d.Name), RawQuery: "sslmode=disable",
	}
	return u.String()
}

func addUser(files map[string]string, a env.App) {
	own, _ := a.SecretFiles()
	for name, v := range own {
		files[name] = v.Reveal()
	}
}

// putSecrets fills the volumes that are not there yet and notes their names in v.
func (s *Stack) putSecrets(ctx context.Context, sets []secretSet, v *compose.Values, image string) error {
	names := map[string]*string{
		"db": &v.DBSecrets, "redis": &v.RedisSecrets, "gateway": &v.GatewaySecrets, "backup": &v.BackupSecrets,
		"backend": &v.BackendSecrets, "frontend": &v.FrontendSecrets,
	}
	// At once: each name takes some time to derive, for a reason, and its volume a question to the engine.
	g, ctx := errgroup.WithContext(ctx)
	for _, set := range sets {
		g.Go(func() error {
			name := set.volume(s.Settings.Project)
			*names[set.Service] = name
			if s.Settings.Deploy.Engine == env.EngineSwarm {
				return nil // the swarm has them, see SwarmSecrets
			}
			if err := s.putSecret(ctx, set, name, image); err != nil {
				return fmt.Errorf("giving the secrets to %s: %w", set.Service, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (s *Stack) putSecret(ctx context.Context, set secretSet, name, image string) error {
	// A container is made after its volume was filled, so a volume in use is complete. One
	// that is not may have been left half filled; filling it again does no harm.
	users, err := s.Engine.Containers(ctx, engine.Filter{Volume: name})
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return nil
	}
	if _, err := s.Engine.EnsureVolume(ctx, name, s.base(labelSecrets, set.Service)); err != nil {
		return err
	}
	archive, err := engine.Tar(set.archive()...)
	if err != nil {
		return err
	}
	return s.Engine.WriteVolume(ctx, image, name, archive)
}

// dropOld removes volumes of earlier secrets and caches that nothing uses any more.
func (s *Stack) dropOld(ctx context.Context, v compose.Values) error {
	keep := []string{v.DBSecrets, v.RedisSecrets, v.GatewaySecrets, v.BackendSecrets, v.FrontendSecrets, v.BackupSecrets, v.BackendCache}
	for _, label := range []string{labelSecrets, labelCache} {
		list, err := s.Engine.Volumes(ctx, engine.Filter{Labels: map[string]string{LabelProject: s.Settings.Project, label: ""}})
		if err != nil {
			return err
		}
		for _, old := range list {
			if slices.Contains(keep, old.Name) {
				continue
			}
			users, err := s.Engine.Containers(ctx, engine.Filter{Volume: old.Name})
			if err != nil {
				return err
			}
			if len(users) > 0 {
				continue
			}
			if err := s.Engine.RemoveVolume(ctx, old.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// storageCA is the content of BACKUP_S3_CA.
func (s *Stack) storageCA() (string, error) {
	path := s.Settings.Backup.Physical.S3.CA
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", run.WithCode(run.CodeBadInput, fmt.Errorf("reading BACKUP_S3_CA: %w", err))
	}
	return string(text), nil
}
