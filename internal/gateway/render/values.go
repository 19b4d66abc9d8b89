package render

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Values is what the environment variables of the gateway's container say.
type Values struct {
	Env          string // APP_ENV: dev or prod
	First        Colour // ACTIVE_COLOUR: the colour of an entrance that has no state yet
	BackendPort  int    // BACKEND_PORT
	FrontendPort int    // FRONTEND_PORT

	BackendHealth  string // BACKEND_HEALTH_PATH: what the supervisor asks each member
	FrontendHealth string // FRONTEND_HEALTH_PATH
	Assets         string // FRONTEND_ASSETS: prefix of files that never change, such as /assets/; "" for none

	BodyLimit      string         // BODY_LIMIT: nginx's notation; 0 is no limit
	HeaderLimit    string         // HEADER_LIMIT: nginx's notation; a field of a header, or an address
	Timeout        time.Duration  // BACKEND_TIMEOUT: how long the backend may think
	StreamTimeout  time.Duration  // STREAM_TIMEOUT: how long an open stream may be silent
	TrustedProxies []netip.Prefix // TRUSTED_PROXIES: whose X-Forwarded-* are believed

	RateLimit       int // RATE_LIMIT: requests a second of one client; 0 is no limit
	RateBurst       int // RATE_BURST: how many it may be ahead
	ConnectionLimit int // CONNECTION_LIMIT: open at once by one client; 0 is no limit

	Domains    []string      // DOMAIN: the names that are served; none: every name
	TLS        string        // TLS: off, local, files or acme
	Profile    string        // TLS_PROFILE: modern or intermediate
	Redirect   bool          // HTTP_REDIRECT: plain HTTP only leads to HTTPS
	HTTPSPort  int           // HTTPS_PORT: where HTTPS is published, for the redirect
	HSTS       time.Duration // HSTS: how long browsers remember to use HTTPS; 0 is off
	LogQuery   string        // LOG_QUERY: off, masked or full
	LogMask    []string      // LOG_MASK: parameters whose values are masked
	Workers    int           // WORKERS: worker processes
	OpenFiles  int           // how many files a process may have open; not from the environment
	Brotli     bool          // whether nginx has the module; not from the environment
	AccessLog  string        // where the access log goes; not from the environment
	RequestLog string        // where the supervisor reads one line a request; "" for none
}

// Paths inside the container. They are part of the contract between the configuration,
// the supervisor and the certificates.
const (
	RunDir        = "/tmp/gateway"
	StatusSocket  = RunDir + "/status.sock"
	PreviewSocket = RunDir + "/preview.sock"
	RequestPipe   = RunDir + "/requests.pipe"
	StateDir      = "/var/lib/gateway"
	Maintenance   = StateDir + "/maintenance"
	Challenges    = StateDir + "/acme/challenges"
	ACMECert      = StateDir + "/tls/current/cert.pem"
	ACMEKey       = StateDir + "/tls/current/key.pem"
	FileCert      = "/run/secrets/tls_cert"
	FileKey       = "/run/secrets/tls_key"

	ResolverAddr = "127.0.0.1:5353" // the supervisor's DNS server
	EmptyPool    = "127.0.0.2"      // address of a pool without members: nginx itself, answering 503
	AdminPort    = 9180             // the supervisor's own port
	HTTPPort     = 8080             // inside the container
	HTTPSPort    = 8443             // inside the container
)

// CertFiles are the certificate chain and the key that nginx serves; "" without TLS.
func (v Values) CertFiles() (cert, key string) {
	switch v.TLS {
	case "acme":
		return ACMECert, ACMEKey
	case "files", "local":
		return FileCert, FileKey
	}
	return "", ""
}

// Problems is everything that is wrong with the environment, one sentence each.
type Problems []string

func (p Problems) Error() string {
	return "the gateway cannot start with these settings:\n  " + strings.Join(p, "\n  ")
}

type reader struct {
	getenv   func(string) string
	problems Problems
}

func (r *reader) text(name, fallback string) string {
	if v := r.getenv(name); v != "" {
		return v
	}
	return fallback
}

func (r *reader) complain(name, value, expected string) {
	r.problems = append(r.problems, fmt.Sprintf("%s is %q; expected %s", name, value, expected))
}

func (r *reader) choice(name, fallback string, choices ...string) string {
	v := r.text(name, fallback)
	if !slices.Contains(choices, v) {
		r.complain(name, v, "one of: "+strings.Join(choices, ", "))
		return fallback
	}
	return v
}

func (r *reader) number(name string, fallback, low, high int) int {
	v := r.text(name, strconv.Itoa(fallback))
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		r.complain(name, v, fmt.Sprintf("a whole number from %d to %d", low, high))
		return fallback
	}
	return n
}

func (r *reader) matching(name, fallback, pattern, expected string) string {
	v := r.text(name, fallback)
	if !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(v) {
		r.complain(name, v, expected)
		return fallback
	}
	return v
}

// size is one in nginx's notation, between two numbers of bytes.
func (r *reader) size(name, fallback string, low, high int, expected string) string {
	v := r.matching(name, fallback, `[0-9]{1,9}[kKmMgG]?`, expected)
	digits := strings.TrimRight(v, "kKmMgG")
	n, err := strconv.Atoi(digits)
	if n <<= map[string]uint{"k": 10, "m": 20, "g": 30}[strings.ToLower(v[len(digits):])]; err != nil || n < low || n > high {
		r.complain(name, v, expected)
		return fallback
	}
	return v
}

// nginxMaxTime bounds a time: nginx keeps milliseconds in a signed 32-bit number.
const nginxMaxTime = 24 * 24 * time.Hour

func (r *reader) duration(name string, fallback, low, high time.Duration) time.Duration {
	v := r.text(name, fallback.String())
	d, err := time.ParseDuration(v)
	if err != nil || d < low || d > high {
		r.complain(name, v, fmt.Sprintf("a duration such as 90s, from %s to %s", low, high))
		return fallback
	}
	return d
}

func (r *reader) yes(name string, fallback bool) bool {
	return r.choice(name, strconv.FormatBool(fallback), "true", "false") == "true"
}

func (r *reader) list(name string) []string {
	return strings.FieldsFunc(r.getenv(name), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
}

var (
	domainPattern = regexp.MustCompile(`^(?:\*\.)?(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)
	maskPattern   = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]{1,64}$`)
)

// DefaultMask is the parameters that are masked in the access log when LOG_MASK is not set.
var DefaultMask = []string{"access_token", "api_key", "apikey", "auth", "client_secret", "code", "id_token", "jwt", "key", "passwd",
	"password", "refresh_token", "secret", "session", "sig", "signature", "token"}

// FromEnviron reads the environment of the gateway's container. The error is Problems
// and has all of them.
func FromEnviron(getenv func(string) string) (Values, error) {
	r := &reader{getenv: getenv}
	path := `/[A-Za-z0-9._~!&()*+,=:@%/?-]*`
	v := Values{
		Env:            r.choice("APP_ENV", "prod", "dev", "prod"),
		First:          Colour(r.choice("ACTIVE_COLOUR", string(Blue), string(Blue), string(Green))),
		BackendPort:    r.number("BACKEND_PORT", 8080, 1, 65535),
		FrontendPort:   r.number("FRONTEND_PORT", 8080, 1, 65535),
		BackendHealth:  r.matching("BACKEND_HEALTH_PATH", "/readyz", path, "a path such as /readyz"),
		FrontendHealth: r.matching("FRONTEND_HEALTH_PATH", "/healthz", path, "a path such as /healthz"),
		Assets:         r.matching("FRONTEND_ASSETS", "/assets/", `none|/(?:[A-Za-z0-9._~-]+/)+`, "a prefix such as /assets/, or none"),
		BodyLimit:      r.matching("BODY_LIMIT", "10m", `[0-9]{1,9}[kKmMgG]?`, "a size such as 10m or 512k"),
		HeaderLimit:    r.size("HEADER_LIMIT", "16k", 1<<10, 64<<10, "a size from 1k to 64k"),
		Timeout:        r.duration("BACKEND_TIMEOUT", time.Minute, time.Second, nginxMaxTime),
		StreamTimeout:  r.duration("STREAM_TIMEOUT", time.Hour, time.Second, nginxMaxTime),

		RateLimit:       r.number("RATE_LIMIT", 0, 0, 1000000),
		RateBurst:       r.number("RATE_BURST", 50, 0, 1000000),
		ConnectionLimit: r.number("CONNECTION_LIMIT", 0, 0, 65535),

		TLS:       r.choice("TLS", "off", "off", "local", "files", "acme"),
		Profile:   r.choice("TLS_PROFILE", "intermediate", "modern", "intermediate"),
		Redirect:  r.yes("HTTP_REDIRECT", false),
		HTTPSPort: r.number("HTTPS_PORT", 443, 1, 65535),
		HSTS:      r.duration("HSTS", 0, 0, 10*365*24*time.Hour),
		LogQuery:  r.choice("LOG_QUERY", "masked", "off", "masked", "full"),
		LogMask:   r.list("LOG_MASK"),
		Workers:   r.number("WORKERS", 1, 1, 1024),

		OpenFiles:  1024,
		AccessLog:  "/dev/stdout",
		RequestLog: RequestPipe,
	}
	if v.Assets == "none" {
		v.Assets = ""
	}
	for _, name := range []string{"BACKEND_PORT", "FRONTEND_PORT"} {
		// The supervisor listens there on every address, so nginx could not answer for an empty pool.
		if getenv(name) == strconv.Itoa(AdminPort) {
			r.complain(name, getenv(name), "another port: the gateway's supervisor has this one")
		}
	}
	for _, part := range r.list("TRUSTED_PROXIES") {
		if network, ok := parseNetwork(part); ok {
			v.TrustedProxies = append(v.TrustedProxies, network)
		} else {
			r.complain("TRUSTED_PROXIES", part, "an address or a network such as 10.0.0.0/8")
		}
	}
	for _, domain := range r.list("DOMAIN") {
		if !domainPattern.MatchString(domain) || len(domain) > 253 {
			r.complain("DOMAIN", domain, "host names such as www.example.com")
		}
		v.Domains = append(v.Domains, strings.ToLower(domain))
	}
	for i, name := range v.LogMask {
		if !maskPattern.MatchString(name) {
			r.complain("LOG_MASK", name, "names of query parameters")
		}
		v.LogMask[i] = strings.ToLower(name) // compared so (nginx/njs/mask.js)
	}
	if len(v.LogMask) == 0 {
		v.LogMask = DefaultMask
	}
	if v.TLS == "acme" {
		if len(v.Domains) == 0 {
			r.complain("DOMAIN", "", "the host names of the certificate, since TLS is acme")
		}
		for _, name := range []string{"ACME_DIRECTORY"} {
			if u, err := url.Parse(r.text(name, "https://localhost")); err != nil || u.Host == "" || u.Scheme != "https" {
				r.complain(name, getenv(name), "an https:// address")
			}
		}
	}
	if v.Redirect && v.TLS == "off" {
		r.complain("HTTP_REDIRECT", "true", "false, since TLS is off")
	}
	if len(r.problems) > 0 {
		return Values{}, r.problems
	}
	return v, nil
}

func parseNetwork(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
