package env

import (
	"regexp"
	"time"
)

// Mode decides which compose overrides apply and how strict the checks are.
// An environment has a name (dev, prod, staging, ...) and one of these modes.
type Mode string

// The two modes.
const (
	Dev  Mode = "dev"
	Prod Mode = "prod"
)

// Settings is everything that Drydock reads from outside, resolved once and
// checked whole. It is passed down as a value; nothing below reads the process
// environment or a dotenv file again.
type Settings struct {
	Root    string // folder of the checkout, absolute
	Env     string // name of the environment: dev, prod, staging, ...
	Mode    Mode   // MODE
	Project string // PROJECT: prefix of compose projects, networks, volumes

	HTTP     HTTP
	Backend  App
	Frontend App
	Database Database
	Redis    Redis
	Gateway  Gateway
	Build    Build
	Image    Image
	Logs     Logs
	Deploy   Deploy
	Backup   Backup
	Alarms   Alarms
	Options  Options

	values *table // every key as resolved, and the process environment; a pointer, so that no print of Settings shows it
}

// HTTP is the one entrance.
type HTTP struct {
	Bind string // HTTP_BIND: address the gateway is published on
	Port int    // HTTP_PORT

	TLSPort int // HTTPS_PORT: published unless TLS is off
}

// App is one of the two halves of the product: the user's own, or the
// reference product that comes with the repository.
type App struct {
	Context    string            // <APP>_CONTEXT: build context, relative to the root
	Dockerfile string            // <APP>_DOCKERFILE, relative to the root
	Image      string            // <APP>_IMAGE: a ready image to use instead of building one; "" builds
	Port       int               // <APP>_PORT: where it listens inside its container
	HealthPath string            // <APP>_HEALTH_PATH: answers 200 when it can take requests
	Replicas   int               // <APP>_REPLICAS
	Memory     string            // <APP>_MEMORY: limit as compose writes it, for example 256m
	PidsLimit  int               // <APP>_PIDS
	Grace      time.Duration     // <APP>_GRACE: how long a stop may take before it is killed
	Migrate    []string          // BACKEND_MIGRATE: arguments that run the migrations; empty for none
	Assets     string            // FRONTEND_ASSETS: prefix of files that never change, or none
	Env        map[string]string // <APP>_ENV_<NAME>: passed to the container as <NAME>
	Secrets    map[string]Secret // <APP>_SECRET_<NAME>: the file /run/secrets/<name in lower case>, and <NAME>_FILE
}

// Database is PostgreSQL.
type Database struct {
	Image    string // POSTGRES_IMAGE; "" builds ours
	Version  string // POSTGRES_VERSION: the major one that is built
	Name     string // DB_NAME
	User     string // DB_USER
	Password Secret // DB_PASSWORD
	Port     int    // DB_PORT: published on 127.0.0.1 in dev only
	Memory   string // DB_MEMORY
}

// Redis is the cache and the message bus.
type Redis struct {
	Image     string // REDIS_IMAGE; "" builds ours
	Password  Secret // REDIS_PASSWORD
	Port      int    // REDIS_PORT: published on 127.0.0.1 in dev only
	Memory    string // REDIS_MEMORY: the container's limit
	MaxMemory string // REDIS_MAXMEMORY: when Redis begins to evict
}

// Gateway is nginx.
type Gateway struct {
	Image           string        // GATEWAY_IMAGE; "" builds ours
	Memory          string        // GATEWAY_MEMORY
	Domains         []string      // DOMAIN: host names; none: every name
	BodyLimit       string        // BODY_LIMIT: largest request body, as nginx writes it
	HeaderLimit     string        // HEADER_LIMIT: largest field of a request's header, as nginx writes it
	Timeout         time.Duration // BACKEND_TIMEOUT
	StreamTimeout   time.Duration // STREAM_TIMEOUT
	RateLimit       int           // RATE_LIMIT: requests a second and client; 0 is no limit
	RateBurst       int           // RATE_BURST
	ConnectionLimit int           // CONNECTION_LIMIT: open requests of a client; 0 is no limit
	TrustedProxies  []string      // TRUSTED_PROXIES: addresses and networks
	TLS             string        // TLS: off, local, files or acme
	TLSCert         string        // TLS_CERT: absolute path
	TLSKey          string        // TLS_KEY: absolute path
	TLSProfile      string        // TLS_PROFILE: modern or intermediate
	Redirect        bool          // HTTP_REDIRECT
	HSTS            time.Duration // HSTS; 0 is off
	ACMEEmail       string        // ACME_EMAIL
	ACMEDirectory   string        // ACME_DIRECTORY
	ACMECA          string        // ACME_CA: absolute path
	LogQuery        string        // LOG_QUERY: off, masked or full
	LogMask         []string      // LOG_MASK; none: the usual ones
	ReportPassword  Secret        // REPORT_PASSWORD: opens the page of report in prod; "" shows it to nobody
}

// Build is what image builds need from the world around them.
type Build struct {
	Base            string // BASE: auto, registry or debian
	TrixieImage     string // BASE_TRIXIE_IMAGE: the registry's Debian 13 base, with digest
	ForkyImage      string // BASE_FORKY_IMAGE: the registry's Debian forky base, with digest
	GoImage         string // GO_IMAGE: a ready Go toolchain; "" builds one from trixie-backports
	NodeImage       string // NODE_IMAGE: a ready Node toolchain; "" builds one from Debian
	NginxImage      string // NGINX_IMAGE: a ready nginx 1.30 or newer; "" builds one from Debian forky
	DebianMirror    string // DEBIAN_MIRROR; default: the host's own apt configuration
	SecurityMirror  string // DEBIAN_SECURITY_MIRROR
	CheckValidUntil bool   // DEBIAN_CHECK_VALID_UNTIL: false for snapshot mirrors
	GoProxy         string // GOPROXY; default: what `go env GOPROXY` says
	GoSumDB         string // GOSUMDB
	NpmRegistry     string // NPM_REGISTRY; default: the host's npm configuration
	HTTPProxy       string // HTTP_PROXY
	HTTPSProxy      string // HTTPS_PROXY
	NoProxy         string // NO_PROXY
	WebhookProxy    string // WEBHOOK_PROXY; "" is one of the above, none asks directly
	ExtraCA         string // EXTRA_CA: PEM bundle given to builds as a secret; default: the host's bundle
	Network         string // BUILD_NETWORK: default or host
}

// Image is how images are named, kept and published.
type Image struct {
	Prefix           string // IMAGE_PREFIX
	Version          string // VERSION: overrides what git says
	Keep             int    // IMAGE_KEEP: how many versions image:prune leaves besides the ones in use
	Registry         string // REGISTRY: host[:port]/path that image:push publishes to
	RegistryUser     string // REGISTRY_USER
	RegistryPassword Secret // REGISTRY_PASSWORD
}

// Logs is what the containers write, and how much of it is kept.
type Logs struct {
	Level    string // LOG_LEVEL: debug, info, warn, error
	MaxSize  string // LOG_MAX_SIZE: one file, as Docker's json-file driver writes it
	MaxFiles int    // LOG_MAX_FILES
}

// Options are given with one command (`FORMAT=json mage status`). They are read
// from the process environment only: a dotenv file that sets one is an error.
type Options struct {
	Format     string         // FORMAT: text or json
	Yes        bool           // YES: answer yes to every question
	Volumes    bool           // VOLUMES: down removes the data, too
	DryRun     bool           // DRY_RUN: say what would be done, do nothing
	Service    []string       // SERVICE: one or more services, separated by commas
	Follow     bool           // FOLLOW: logs go on
	Since      string         // SINCE: a duration (10m) or an RFC 3339 time
	Tail       int            // TAIL: how many lines; -1 for all
	Match      *regexp.Regexp // MATCH: lines that logs shows; nil for all
	Status     StatusRange    // STATUS: requests that logs shows
	Backup     string         // BACKUP: id or number of a backup; "" is the newest good one
	At         string         // AT: the point in time that a restore goes to; "" is the end
	Repository string         // REPOSITORY: of physical backups; "" is each, local first
	Database   string         // DATABASE: where a restore goes; "" is a new one
	Replace    bool           // REPLACE: a restore takes the place of DATABASE
	Tables     []string       // TABLES: these alone
	Into       string         // INTO: folder that a configuration is restored into
	Archive    string         // ARCHIVE: file of a configuration backup; "" is the repository's
	AgeKey     string         // AGE_KEY_FILE: opens the secrets of a configuration backup
	Signer     string         // SIGNER: who has to have signed it; "" is anybody
	Conf       string         // CONF: nginx folder to look at; "" is the gateway's own
	Route      string         // ROUTE: the request that nginx:routes explains
	Images     []string       // IMAGES: one or more image names, separated by commas
	To         string         // TO: the engine that image:ship sends to, as in DOCKER_HOST
	Host       string         // DOCKER_HOST: the engine to work on; "" is the docker CLI's own choice
	Run        string         // ALARM_RUN: name under which a failure is told
	Plain      bool           // NO_COLOR or CI set: no colour, no moving progress
}
