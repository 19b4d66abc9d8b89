package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"drydock/backend/internal/board"
	"drydock/backend/internal/cache"
	"drydock/backend/internal/config"
	"drydock/backend/internal/health"
	"drydock/backend/internal/httpapi"
	"drydock/backend/internal/live"
	"drydock/backend/internal/obs"
	"drydock/backend/internal/store"
)

// keyPrefix is the start of every key and channel in Redis.
const keyPrefix = "board"

func (p program) serve(ctx context.Context) error {
	cfg, err := config.Load(p.source)
	if err != nil {
		return err
	}
	log := obs.NewLogger(p.stderr, cfg.LogLevel)
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", ":"+strconv.Itoa(cfg.Port))
	if err != nil {
		return fmt.Errorf("listening on port %d: %w; stop what uses it, or set PORT", cfg.Port, err)
	}
	return serve(ctx, cfg, log, listener, keyPrefix)
}

// serve runs the service on the listener until the context ends, then stops in order. It needs neither a database nor
// Redis to start: it is unready until they answer.
func serve(ctx context.Context, cfg *config.Config, log *slog.Logger, listener net.Listener, prefix string) error {
	// Work that outlives the signal: it ends after the last request.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()

	pool, err := store.OpenPool(work, cfg.Database, cfg.MaxConns)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer pool.Close()
	probePool, err := store.OpenPool(work, cfg.Database, 1)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer probePool.Close()
	redis.SetLogger(redisLog{log})
	rdb := redis.NewClient(cfg.Redis)
	defer rdb.Close()

	instance, err := os.Hostname()
	if err != nil {
		return errors.Join(fmt.Errorf("reading the host name: %w", err), listener.Close())
	}
	notes := store.New(pool)
	hub := live.NewHub(cfg.MaxStreams)
	bus := live.NewBus(rdb, hub, prefix, log)
	monitor := health.NewMonitor(
		store.NewProbe(probePool).Check,
		func(ctx context.Context) error { return rdb.Ping(ctx).Err() },
		log,
	)
	service := &board.Service{
		Store:     notes,
		Counter:   cache.NewCounter(notes, rdb, prefix, log),
		Publisher: bus,
		Log:       log,
	}
	build := obs.NewBuild(cfg.Version, instance)
	metrics := obs.NewMetrics(build)
	watch(metrics, pool, rdb, hub, monitor.Ready)
	api := &httpapi.API{
		Notes: service, Numbers: service, Health: monitor, Hub: hub,
		Metrics: metrics, Build: build, Log: log, RequestTimeout: cfg.RequestTimeout, BodyLimit: int64(cfg.BodyLimit), MaxDelay: cfg.MaxDelay,
	}

	var background sync.WaitGroup
	background.Go(func() { bus.Run(work) })
	background.Go(func() { monitor.Run(work, func(r health.Report) { tellPages(hub, r) }) })
	defer func() { stopWork(); background.Wait() }()

	server := api.Server(listener.Addr().String())
	server.BaseContext = func(net.Listener) context.Context { return work }
	// Shutdown calls this once nothing is accepted any more, so a browser that reconnects reaches another instance.
	server.RegisterOnShutdown(hub.Close)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.InfoContext(ctx, "serving", "build", build, "config", cfg)

	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
		return shutDown(cfg, log, monitor, server)
	}
}

// shutDown stops without cutting anybody off: first proxies learn that this instance is leaving while it still serves
// (a stop that only closes the listener cuts those that do not know yet, see coollabsio/coolify 8627), then it accepts
// nothing new, ends the streams and finishes what is in flight.
func shutDown(cfg *config.Config, log *slog.Logger, monitor *health.Monitor, server *http.Server) error {
	log.Info("stopping: unready, still serving", "for", cfg.ShutdownDelay.String())
	monitor.Drain()
	time.Sleep(cfg.ShutdownDelay)

	log.Info("stopping: finishing requests in flight", "at_most", cfg.ShutdownTimeout.String())
	ctx, cancel := context.WithTimeout(context.Background(), cfg.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(
			fmt.Errorf("stopping: requests were still in flight after SHUTDOWN_TIMEOUT=%v and were cut: %w", cfg.ShutdownTimeout, err),
			server.Close(),
		)
	}
	log.Info("stopped")
	return nil
}

func tellPages(hub *live.Hub, r health.Report) {
	data, err := json.Marshal(r.Public())
	if err != nil {
		panic(err) // strings and booleans only
	}
	hub.SetStatus(data)
}

// redisLog takes the Redis client's own remarks into ours. They repeat what our calls report, hence the low level.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, args...))
}
