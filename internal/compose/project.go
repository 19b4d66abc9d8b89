package compose

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"drydock/internal/env"
)

// Colour names one of the two releases of the apps that can run side by side.
type Colour string

// The two colours.
const (
	Blue  Colour = "blue"
	Green Colour = "green"
)

// Other is the other one.
func (c Colour) Other() Colour {
	if c == Green {
		return Blue
	}
	return Green
}

// Refs are the images of a release, as references that the engine has.
type Refs struct {
	DB, Redis, Gateway, Backend, Frontend, Backup string
	// Migrate runs the migrations: the backend's production image, in dev too.
	Migrate string
}

// Live says which apps run from the source, because their image is of the stage
// `dev`; the others run as in production.
type Live struct{ Backend, Frontend bool }

// Values is what the compose files get besides the settings.
type Values struct {
	Colour  Colour
	Refs    Refs
	Live    Live
	Version string // what the apps answer when asked for their version

	// Isolated makes every network an internal one, for a scratch stack.
	Isolated bool

	// Volumes with the secrets, by service.
	DBSecrets, RedisSecrets, GatewaySecrets, BackendSecrets, FrontendSecrets, BackupSecrets string
	BackendCache                                                                            string // dev: volume of the compiler's cache

	Owner  string            // dev: uid:gid of the checkout's owner
	Labels map[string]string // added to everything that is made
}

// Placeholders resolve the compose files where no value matters.
func Placeholders(s *env.Settings, labels map[string]string) Values {
	p := s.Project
	return Values{
		Colour: Blue, Labels: labels,
		Refs:      Refs{DB: "none", Redis: "none", Gateway: "none", Backend: "none", Frontend: "none", Backup: "none", Migrate: "none"},
		DBSecrets: p + "-db-secrets", RedisSecrets: p + "-redis-secrets", GatewaySecrets: p + "-gateway-secrets",
		BackendSecrets: p + "-backend-secrets", FrontendSecrets: p + "-frontend-secrets", BackupSecrets: p + "-backup-secrets",
		BackendCache: p + "-backend-cache", Owner: "0:0",
	}
}

// Project is one compose project: files, and the environment that resolves them.
type Project struct {
	Name  string
	Files []string // absolute, later ones override earlier ones
	Dir   string   // base of relative paths in the files
	Env   []string // KEY=value, for the ${KEY} of the files

	// Override is the generated file, as YAML; it comes last.
	Override []byte
}

// BaseServices are what both colours share, in an environment that is no scratch stack.
func BaseServices(s *env.Settings) []string {
	list := []string{"db", "redis", "gateway", "backup"}
	if s.NoLoss() {
		list = append(list, "guard")
	}
	return list
}

// Base is the project with the data services and the gateway.
func Base(s *env.Settings, v Values) Project {
	files := []string{"data.yaml", "gateway.yaml", "backup.yaml"}
	if s.Gateway.TLS != "off" {
		files = append(files, "gateway.tls.yaml")
	}
	if s.Mode == env.Dev {
		files = append(files, "data.dev.yaml")
	}
	services := BaseServices(s)
	if i := slices.Index(services, "guard"); i >= 0 && v.Isolated { // nobody receives the log of a scratch stack
		services = slices.Delete(services, i, i+1)
	} else if i >= 0 {
		files = append(files, "guard.yaml")
	}
	return project(s, v, s.Project, files, override{
		Services: labelled(v.Labels, services...),
		Networks: labelledIn(v.Labels, "data", "edge", "out"),
		Volumes:  labelledIn(v.Labels, "db", "repo", "db-shared", "redis", "gateway", "backup"),
	})
}

// App is the project with the backend and the frontend of one colour.
func App(s *env.Settings, v Values) Project {
	files := []string{"app.yaml"}
	o := override{Services: labelled(v.Labels, "backend", "migrate", "frontend")}
	if v.Live.Backend {
		files = append(files, "backend.dev.yaml")
		o.Volumes = labelledIn(v.Labels, "backend-cache")
	}
	if v.Live.Frontend {
		files = append(files, "frontend.dev.yaml")
	}
	backend, frontend := userNames(s.Backend, backendPrefix), userNames(s.Frontend, frontendPrefix)
	o.Services["backend"] = o.Services["backend"].with(backend)
	// A migration must not freeze the live site while it waits for a table. The user's own
	// value wins.
	migrate := map[string]string{"MIGRATE_LOCK_TIMEOUT": "${MIGRATE_LOCK_TIMEOUT}"}
	maps.Copy(migrate, backend)
	o.Services["migrate"] = o.Services["migrate"].with(migrate)
	o.Services["frontend"] = o.Services["frontend"].with(frontend)
	return project(s, v, AppProject(s, v.Colour), files, o)
}

// AppProject is the name of a colour's project.
func AppProject(s *env.Settings, c Colour) string { return s.Project + "-" + string(c) }

func project(s *env.Settings, v Values, name string, files []string, o override) Project {
	p := Project{Name: name, Dir: s.Path("compose"), Env: environ(s, v), Override: o.yaml()}
	for _, f := range files {
		p.Files = append(p.Files, filepath.Join(p.Dir, f))
	}
	return p
}

// environ is the environment that resolves the files.
func environ(s *env.Settings, v Values) []string {
	list := slices.Concat(s.Environ(), userValues(s.Backend, backendPrefix), userValues(s.Frontend, frontendPrefix))
	return append(list,
		"MODE="+string(s.Mode),
		"ISOLATED="+strconv.FormatBool(v.Isolated),
		"PROJECT="+s.Project, // a scratch stack has another name than the settings say
		// In the one form that the gateway reads, whatever form the settings have.
		"HTTP_REDIRECT="+strconv.FormatBool(s.Gateway.Redirect),
		"BODY_LIMIT_BYTES="+strconv.FormatInt(env.NginxBytes(s.Gateway.BodyLimit), 10),
		"BACKEND_TIMEOUT_SECONDS="+strconv.FormatFloat(s.Gateway.Timeout.Seconds(), 'f', -1, 64)+"s",
		"ARCHIVE="+archive(s, v),
		"ARCHIVE_KEEP_BYTES="+keepBytes(s),
		"COLOUR="+string(v.Colour),
		"DB_IMAGE_REF="+v.Refs.DB,
		"REDIS_IMAGE_REF="+v.Refs.Redis,
		"GATEWAY_IMAGE_REF="+v.Refs.Gateway,
		"BACKEND_IMAGE_REF="+v.Refs.Backend,
		"FRONTEND_IMAGE_REF="+v.Refs.Frontend,
		"MIGRATE_IMAGE_REF="+v.Refs.Migrate,
		"APP_VERSION="+v.Version,
		"DB_SECRETS_VOLUME="+v.DBSecrets,
		"REDIS_SECRETS_VOLUME="+v.RedisSecrets,
		"GATEWAY_SECRETS_VOLUME="+v.GatewaySecrets,
		"BACKUP_SECRETS_VOLUME="+v.BackupSecrets,
		"BACKUP_IMAGE_REF="+v.Refs.Backup,
		"BACKEND_SECRETS_VOLUME="+v.BackendSecrets,
		"FRONTEND_SECRETS_VOLUME="+v.FrontendSecrets,
		"BACKEND_CACHE_VOLUME="+v.BackendCache,
		"BACKEND_SOURCE="+s.Path(s.Backend.Context),
		"FRONTEND_SOURCE="+s.Path(s.Frontend.Context),
		"SOURCE_OWNER="+v.Owner,
	)
}

// Owner writes the owner of a checkout the way compose's `user` wants it.
func Owner(uid, gid uint32) string {
	return strconv.FormatUint(uint64(uid), 10) + ":" + strconv.FormatUint(uint64(gid), 10)
}

// archive says whether the database archives its log: never one of a scratch stack, whose
// repository nobody looks after, nor an image of the user's, which lacks the program.
func archive(s *env.Settings, v Values) string {
	if s.Physical() && !v.Isolated {
		return "on"
	}
	return "off"
}

func keepBytes(s *env.Settings) string {
	n, err := env.MemoryBytes(s.Backup.Physical.ArchiveKeep)
	if err != nil {
		return "0" // settings that were not checked, as for `down`
	}
	return strconv.FormatInt(n, 10)
}
