package image

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"drydock/internal/run"
)

// Registry is where images are published and how to get in.
type Registry struct {
	// Path is host[:port]/path. Plain HTTP is spoken to loopback hosts, and to
	// others only if the value begins with http://.
	Path     string
	User     string // with Password; both empty: the docker CLI's own log-in
	Password string
	// Transport carries the requests: proxies and extra CAs are its business.
	// nil is the standard library's default one.
	Transport http.RoundTripper
	Jobs      int // blobs in flight at once; 0 is 4
}

// session is a registry whose settings were checked.
type session struct {
	Registry
	host        name.Registry
	path        string // below the host
	nameOptions []name.Option
}

// open checks the settings; nothing is sent yet. No error shows the value when
// it may carry a password.
func (r Registry) open() (*session, error) {
	path := strings.TrimSuffix(strings.TrimPrefix(r.Path, "https://"), "/")
	s := &session{Registry: r}
	if rest, ok := strings.CutPrefix(path, "http://"); ok {
		path = rest
		s.nameOptions = append(s.nameOptions, name.Insecure)
	}
	switch {
	case path == "":
		return nil, errors.New("REGISTRY is not set: give it as host[:port]/path, for example registry.example.com/shop")
	case strings.Contains(path, "@"):
		return nil, errors.New("REGISTRY has an @: give the name and password in REGISTRY_USER and REGISTRY_PASSWORD, or run `docker login`")
	case (r.User == "") != (r.Password == ""):
		return nil, errors.New("REGISTRY_USER and REGISTRY_PASSWORD belong together: set both, or neither to use `docker login`")
	}
	// A first part without dot, colon or "localhost" would be a path on Docker Hub.
	host, below, found := strings.Cut(path, "/")
	if !found || !(strings.ContainsAny(host, ".:") || host == "localhost") {
		return nil, fmt.Errorf("REGISTRY is %q: it needs a host and a path, for example registry.example.com/shop or localhost:5000/shop", path)
	}
	if _, err := name.NewRepository(path+"/image", s.nameOptions...); err != nil {
		return nil, fmt.Errorf("reading REGISTRY: %w", err)
	}
	registry, err := name.NewRegistry(host, s.nameOptions...)
	if err != nil {
		return nil, fmt.Errorf("reading REGISTRY: %w", err)
	}
	s.host, s.path = registry, below
	if s.Jobs == 0 {
		s.Jobs = 4
	}
	if s.Transport == nil {
		s.Transport = remote.DefaultTransport
	}
	return s, nil
}

func (s *session) repo(image string) name.Repository {
	return s.host.Repo(s.path, image)
}

func (s *session) options(ctx context.Context) []remote.Option {
	opts := []remote.Option{
		remote.WithContext(ctx),
		remote.WithJobs(s.Jobs),
		remote.WithUserAgent("drydock"),
		remote.WithTransport(noPlainHTTP{s.Transport, len(s.nameOptions) > 0}),
	}
	if s.User != "" {
		return append(opts, remote.WithAuth(&authn.Basic{Username: s.User, Password: s.Password}))
	}
	return append(opts, remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// explain says what to do about an answer of the registry, then hides the password.
func (s *session) explain(err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden) {
		who := "the docker CLI's log-in for " + s.host.RegistryStr() + " was used: run `docker login " + s.host.RegistryStr() + "`, or set REGISTRY_USER and REGISTRY_PASSWORD"
		if s.User != "" {
			who = "REGISTRY_USER is " + s.User + ": check it and REGISTRY_PASSWORD, and that this account may write there"
		}
		err = fmt.Errorf("%w (%s)", err, who)
	}
	return s.hide(err)
}

// hide takes the password out of an error's text, however it is encoded there.
// Registries have been seen to send back what they were sent.
func (s *session) hide(err error) error {
	if err == nil || s.Password == "" {
		return err
	}
	basic := base64.StdEncoding.EncodeToString([]byte(s.User + ":" + s.Password)) // RFC 7617, 2
	return hidden{err, []string{s.Password, basic}}
}

type hidden struct {
	err     error
	secrets []string
}

func (h hidden) Error() string   { return run.Redact(h.err.Error(), h.secrets...) }
func (h hidden) Is(t error) bool { return errors.Is(h.err, t) }

// noPlainHTTP refuses to speak plain HTTP to a host that is not this one. The
// library would fall back to it for private addresses, password and all.
type noPlainHTTP struct {
	next    http.RoundTripper
	allowed bool
}

func (n noPlainHTTP) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" && !n.allowed && !loopback(r.URL.Hostname()) {
		return nil, fmt.Errorf("%s answers plain HTTP only: give it a certificate, or write REGISTRY=http://... to allow it", r.URL.Host)
	}
	return n.next.RoundTrip(r)
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761, 6.3
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
