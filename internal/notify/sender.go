package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"drydock/internal/run"
)

// Config says where to, from whom, and how patiently.
type Config struct {
	URL     string // a secret; empty switches everything off
	Setting string // that it came from, for errors; "the webhook's address" when empty
	Project string
	Env     string
	Host    string
	Secrets []string // masked in every message, besides the address

	CA    []byte   // PEM of further authorities, for a company's own
	Proxy *url.URL // nil asks directly

	Timeout    time.Duration // of one attempt; 10 s when 0
	Attempts   int           // 4 when 0
	Backoff    time.Duration // before the second attempt, doubled for each further one; 1 s when 0
	MaxBackoff time.Duration // also for what the other side asks for; 30 s when 0
	Queue      int           // messages that may wait; 64 when 0

	Warn func(error) // gets what could not be delivered; nil drops it
}

// Sender delivers messages. It is safe for concurrent use.
type Sender struct {
	c       Config
	url     *url.URL
	secrets []string
	client  *http.Client

	mu     sync.Mutex
	closed bool
	queue  chan Event
	done   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
}

// New checks the configuration and starts the goroutine that delivers. Close ends it.
func New(c Config) (*Sender, error) {
	c.Setting = cmp.Or(c.Setting, "the webhook's address")
	for _, d := range []struct {
		value *time.Duration
		none  time.Duration
	}{{&c.Timeout, 10 * time.Second}, {&c.Backoff, time.Second}, {&c.MaxBackoff, 30 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.none
		}
	}
	if c.Attempts == 0 {
		c.Attempts = 4
	}
	if c.Queue == 0 {
		c.Queue = 64
	}
	if c.Warn == nil {
		c.Warn = func(error) {}
	}
	s := &Sender{c: c}
	if s.off() {
		return s, nil
	}
	if err := s.connect(); err != nil {
		return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("the webhook: %w", err))
	}
	s.queue, s.done = make(chan Event, c.Queue), make(chan struct{})
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.deliver()
	return s, nil
}

func (s *Sender) off() bool { return s.c.URL == "" }

func (s *Sender) connect() error {
	u, err := url.Parse(s.c.URL)
	// Neither the parser's error nor the value may be shown: the address is a secret.
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%s is no address; give one that begins with https://", s.c.Setting)
	}
	s.url = u
	s.secrets = append([]string{s.c.URL}, s.c.Secrets...)
	// What is secret in it stands in the path, the query or the user's part.
	for _, part := range []string{strings.Trim(u.EscapedPath(), "/"), u.RawQuery} {
		if len(part) >= 8 {
			s.secrets = append(s.secrets, part)
		}
	}
	if password, ok := u.User.Password(); ok {
		s.secrets = append(s.secrets, password)
	}
	if s.c.Proxy != nil {
		if password, ok := s.c.Proxy.User.Password(); ok {
			s.secrets = append(s.secrets, password)
		}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // an image without any: then only the given ones count
	}
	if len(s.c.CA) > 0 && !pool.AppendCertsFromPEM(s.c.CA) {
		return errors.New("the additional certificate authority is no PEM certificate")
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		MaxIdleConns: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: s.c.Timeout,
	}
	if s.c.Proxy != nil {
		transport.Proxy = http.ProxyURL(s.c.Proxy)
	}
	s.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return nil
}

// Target says where messages go, and by which way, without what is secret in the addresses.
func (s *Sender) Target() string {
	if s.off() {
		return "nowhere"
	}
	to := s.url.Scheme + "://" + s.url.Host + "/***"
	if p := s.c.Proxy; p != nil {
		to += " by way of the proxy " + p.Redacted()
	}
	return to
}

// ParseProxy reads the address of a proxy; an empty one is none. The error does not show it: it
// may hold a password.
func ParseProxy(address string) (*url.URL, error) {
	if address == "" {
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, run.WithCode(run.CodeBadInput, errors.New("the webhook's proxy is no address; give WEBHOOK_PROXY as http://host:port"))
	}
	return u, nil
}

// Notify hands a message over and returns at once. When too many wait, it is dropped, and
// Warn hears of it.
func (s *Sender) Notify(e Event) {
	if s.off() {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now() // when it happened, not when it got through
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.c.Warn(fmt.Errorf("telling %s: the sender is closed", e.Event))
		return
	}
	select {
	case s.queue <- e:
	default:
		s.c.Warn(fmt.Errorf("telling %s: %d messages wait already; this one is dropped", e.Event, s.c.Queue))
	}
}

func (s *Sender) deliver() {
	defer close(s.done)
	for e := range s.queue {
		if err := s.Send(s.ctx, e); err != nil {
			s.c.Warn(err)
		}
	}
}

// Close delivers what waits, until the context ends. It says how much was left.
func (s *Sender) Close(ctx context.Context) error {
	if s.off() {
		return nil
	}
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
	s.mu.Unlock()
	defer s.client.CloseIdleConnections()
	select {
	case <-s.done:
		s.cancel()
		return nil
	case <-ctx.Done():
		left := len(s.queue) + 1
		s.cancel()
		<-s.done
		return fmt.Errorf("closing the webhook: about %d messages were not delivered: %w", left, context.Cause(ctx))
	}
}
