package acme

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	legolog "github.com/go-acme/lego/v5/log"

	"drydock/internal/gateway/certs"
)

// LetsEncrypt is the directory when none is set.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// maxDomains is what public authorities put into one certificate.
const maxDomains = 100

// Options say what certificate is wanted from whom, and where things lie.
type Options struct {
	Directory   string   // the authority's directory URL, https; empty means LetsEncrypt
	Email       string   // where the authority writes to; may be empty
	Domains     []string // IDNs in either form; the first one is only first
	Store       string   // folder that survives the container
	Challenges  string   // folder served at /.well-known/acme-challenge/ on port 80
	AcceptTerms bool     // the user has read and accepted the authority's terms of service

	// RootCAs are trusted for the authority's own HTTPS; nil means the system's.
	RootCAs *x509.CertPool

	// RenewBefore the end; 0 means when the authority suggests it (RFC 9773), or when a
	// third of the life is left. At most half of the life counts: a certificate that is
	// due from its first day would be ordered again and again.
	RenewBefore time.Duration

	Now func() time.Time // nil means time.Now
	Log *slog.Logger     // nil means slog.Default

	// Observe is called after each change of the status, in their order, one at a time. It
	// may ask for Status, and must not call the other methods. It may be nil.
	Observe func(Status)
}

// Manager gets and renews one certificate. Its methods may be called at once.
type Manager struct {
	o       Options
	domains []string // normalised
	store   certs.Store
	timing  timing
	trace   func(*http.Request) // tests: called before each request to the authority

	mu        sync.Mutex
	status    Status
	served    string // serial of the pair that the caller has in use, as far as is known
	observing sync.Mutex
	recalled  sync.Once
}

// timing is what tests make shorter.
type timing struct {
	tick    time.Duration // how often the wall clock is looked at
	handMin time.Duration // first wait after onChange failed
	handMax time.Duration
}

// New checks the options, and says everything that is wrong with them.
func New(o Options) (*Manager, error) {
	if o.Directory == "" {
		o.Directory = LetsEncrypt
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	dir, err := url.Parse(o.Directory)
	if err != nil || dir.Scheme != "https" || dir.Host == "" {
		add("the ACME directory %q is not an https URL: give the directory's whole address, such as %s", o.Directory, LetsEncrypt)
	}
	if err != nil {
		dir = &url.URL{Host: o.Directory}
	}
	if o.Email != "" {
		if a, err := mail.ParseAddress(o.Email); err != nil || a.Address != o.Email {
			add("the e-mail address %q is not one: give only the address, or none", o.Email)
		}
	}
	if !o.AcceptTerms {
		add("the terms of service of %s are not accepted: read them, and accept them in the settings", dir.Host)
	}
	if !filepath.IsAbs(o.Store) || !filepath.IsAbs(o.Challenges) {
		add("the folders for certificates (%q) and challenges (%q) have to be absolute paths", o.Store, o.Challenges)
	}
	if o.RenewBefore < 0 {
		add("renewing %s before the end is not possible: give a time above 0, or 0 for the authority's advice", o.RenewBefore)
	}
	domains, err := checkDomains(o.Domains, isPublic(dir))
	if err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("setting up ACME: %w", errors.Join(problems...))
	}
	// The library's own logger is one for the process, and writes to stdout, where
	// nginx's access log is.
	legolog.SetDefault(o.Log.With("component", "acme"))
	return &Manager{
		o: o, domains: domains, store: certs.Store{Dir: o.Store},
		timing: timing{tick: 15 * time.Second, handMin: 5 * time.Second, handMax: 10 * time.Minute},
		status: Status{Directory: o.Directory, Domains: domains},
	}, nil
}

// checkDomains normalises the names and refuses what HTTP-01 cannot prove.
func checkDomains(domains []string, public bool) ([]string, error) {
	names, err := certs.NormaliseAll(domains)
	problems := []error{err}
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(domains) == 0 {
		add("there is no domain to get a certificate for: set at least one")
	}
	if len(names) > maxDomains {
		add("%d domains are more than the %d that fit into one certificate: leave some out", len(names), maxDomains)
	}
	for _, n := range names {
		_, notAddress := netip.ParseAddr(n)
		switch {
		case notAddress == nil:
			add("%s is an address, and certificates are for names: use a domain that points to it", n)
		case strings.HasPrefix(n, "*."):
			add("%s is a wildcard, which an authority proves through DNS only, and the gateway through HTTP: list each name, or bring a wildcard certificate as files", n)
		case public && !strings.Contains(n, "."):
			add("%s is not a name of the Internet, so no public authority certifies it: use a local certificate, or a private ACME directory", n)
		case public && isLocal(n):
			add("%s is reserved for local use, so no public authority certifies it: use a local certificate, or a private ACME directory", n)
		}
	}
	return names, errors.Join(problems...)
}

// isPublic knows the authorities of which it is certain what they refuse.
func isPublic(dir *url.URL) bool { return strings.HasSuffix(dir.Hostname(), ".letsencrypt.org") }

func isLocal(name string) bool {
	for _, top := range []string{".test", ".example", ".invalid", ".localhost", ".local", ".internal", ".lan", ".home.arpa"} {
		if strings.HasSuffix(name, top) {
			return true
		}
	}
	return false
}
