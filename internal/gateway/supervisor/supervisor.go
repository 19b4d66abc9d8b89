package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"drydock/internal/gateway/pool"
	"drydock/internal/gateway/render"
)

// The files in Paths.Run beside the generations.
const (
	adminSocket = "admin.sock"
	confDir     = "conf" // pushed configurations; below Paths.State if that can be written
)

// Options are what a Supervisor is made of.
type Options struct {
	Settings Settings
	Log      *slog.Logger
	Version  string
	// Certificates, if not nil, is where certificates come from with TLS=acme. Files that are
	// given (TLS=files, local) need none.
	Certificates Certificates
}

// Supervisor is one running gateway.
type Supervisor struct {
	settings Settings
	log      *slog.Logger
	version  string
	started  time.Time
	now      func() time.Time

	store       *Store
	persistent  bool
	conf        *configurations
	generations *generations
	pools       *pool.Watcher
	reloader    *Reloader
	requests    *Requests
	certs       Certificates

	nginx            atomic.Pointer[nginx]
	certificateReady atomic.Bool
	reloadsDone      atomic.Uint64
	reloadsFailed    atomic.Uint64
	loading          sync.Mutex // of pushed configurations: one at a time
	failed           chan error // what cannot be gone on from
	changes          chan pool.View
}

// AdminSocket is the path of the control socket.
func (p Paths) AdminSocket() string { return filepath.Join(p.Run, adminSocket) }

func (p Paths) statusSocket() string { return filepath.Join(p.Run, filepath.Base(render.StatusSocket)) }

// New prepares a supervisor. It changes nothing yet.
func New(o Options) (*Supervisor, error) {
	s := &Supervisor{
		settings: o.Settings, log: o.Log, version: o.Version, started: time.Now(), now: time.Now, certs: o.Certificates,
		store: NewStore(o.Settings.Paths.State, o.Log), requests: NewRequests(time.Now), failed: make(chan error, 8),
		changes: make(chan pool.View, 256),
	}
	paths, v := s.settings.Paths, s.settings.Values
	switch v.TLS {
	case "off":
		s.certs = nil
	case "files", "local":
		cert, key := v.CertFiles()
		s.certs = &certificateFiles{cert: cert, key: key, every: filesEvery}
	}
	finder, err := pool.NewFinder(paths.ResolvConf, s.settings.Timing.Timeout)
	if err != nil {
		return nil, err
	}
	var targets []pool.Target
	for _, colour := range []render.Colour{render.Blue, render.Green} {
		targets = append(targets,
			pool.Target{Name: "backend-" + string(colour), Port: v.BackendPort, Path: v.BackendHealth},
			pool.Target{Name: "frontend-" + string(colour), Port: v.FrontendPort, Path: v.FrontendHealth})
	}
	s.pools = pool.NewWatcher(s.settings.Timing, targets, finder, pool.NewProber(s.settings.Timing.Timeout), s.poolChanged)
	s.generations = &generations{run: paths.Run, render: func(st render.State) (map[string][]byte, error) { return render.Files(v, st) }}
	return s, nil
}

// poolChanged is called while nobody can ask for a pool's members, so it must not wait for
// a log that is stuck: beyond what the queue holds, changes go unsaid.
func (s *Supervisor) poolChanged(v pool.View) {
	select {
	case s.changes <- v:
	default:
	}
}

// tellChanges logs what becomes of pools.
func (s *Supervisor) tellChanges(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case v := <-s.changes:
			s.log.Info("a pool changed", "pool", v.Name, "mode", v.Mode, "members", memberList(v))
		}
	}
}

func memberList(v pool.View) string {
	members := make([]string, 0, len(v.Members))
	for _, m := range v.Members {
		text := m.Addr.String()
		if !m.Healthy {
			text += " unhealthy"
			if m.Error != "" {
				text += " (" + m.Error + ")"
			}
		}
		members = append(members, text)
	}
	return strings.Join(members, ", ")
}

// Run serves until the context ends or a signal asks for the end. TERM and QUIT let
// requests in flight finish, a second one does not; HUP reloads.
func (s *Supervisor) Run(ctx context.Context, signals <-chan os.Signal) error {
	background, stopBackground := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	defer func() {
		stopBackground()
		tasks.Wait()
	}()
	task := func(f func(context.Context)) { tasks.Go(func() { f(background) }) }

	if err := s.prepare(background, task); err != nil {
		return err
	}
	state, err := s.begin(ctx, signals)
	if err != nil || state == nil {
		return err
	}
	n := s.nginx.Load()
	s.reloader.server = n
	reloads, stopReloads := context.WithCancel(background)
	reloader := make(chan struct{})
	task(func(context.Context) {
		defer close(reloader)
		s.reloader.Run(reloads)
	})
	task(s.trim)
	task(s.lookOn)
	if s.certs != nil {
		task(s.renew)
	}
	task(func(ctx context.Context) { s.serve(ctx, "tcp", s.settings.Paths.Public, s.public()) })
	task(func(ctx context.Context) { s.serve(ctx, "unix", s.settings.Paths.AdminSocket(), s.control()) })
	err = s.attend(ctx, n, signals, task)
	// A reload must not meet an nginx that is ending.
	stopReloads()
	<-reloader
	if n.Alive() {
		n.stop(s.settings.StopTimeout, hurry(signals))
	}
	return err
}

// prepare starts everything that nginx needs.
func (s *Supervisor) prepare(ctx context.Context, task func(func(context.Context))) error {
	paths := s.settings.Paths
	if err := emptyFolder(paths.Run); err != nil {
		return fmt.Errorf("preparing %s: %w", paths.Run, err)
	}
	s.persistent = s.store.Persistent()
	hash, err := hashTree(paths.Image)
	if err != nil {
		return err
	}
	s.conf = &configurations{image: paths.Image, hash: hash, dir: filepath.Join(paths.State, confDir)}
	if !s.persistent {
		s.conf.dir = filepath.Join(paths.Run, confDir)
	}
	pipe, err := openPipe(filepath.Join(paths.Run, filepath.Base(render.RequestPipe)))
	if err != nil {
		return err
	}
	task(func(ctx context.Context) { s.requests.Read(ctx, pipe) })
	names, err := pool.Listen(paths.Resolver, s.pools.Tell)
	if err != nil {
		return err
	}
	task(func(ctx context.Context) {
		if err := names.Serve(ctx); err != nil {
			s.failed <- err
		}
	})
	task(s.pools.Run)
	task(s.tellChanges)
	if os.Getpid() == 1 {
		task(func(ctx context.Context) { reap(ctx, 2*time.Second) })
	}
	if s.certs != nil {
		s.askCertificate(ctx)
	} else if s.settings.Values.TLS != "off" {
		s.log.Error("TLS is wanted, and nothing here can obtain a certificate; serving without", "tls", s.settings.Values.TLS)
	}
	select {
	case <-s.pools.Ready():
	case <-time.After(firstRound):
	}
	return nil
}

// firstRound bounds how long nginx's start waits for the pools.
const firstRound = time.Second

func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	errs := []error{err}
	for _, e := range entries { // also sockets that a crash left: nginx would not start over them
		errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return errors.Join(errs...)
}

// trim bounds the old workers also between reloads.
func (s *Supervisor) trim(ctx context.Context) {
	for sleep(ctx, 5*time.Second) {
		s.reloader.TrimOld()
	}
}
