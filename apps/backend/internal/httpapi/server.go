package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"drydock/backend/internal/board"
	"drydock/backend/internal/health"
	"drydock/backend/internal/live"
	"drydock/backend/internal/obs"
)

// Notes is what the API needs of board.Service.
type Notes interface {
	List(ctx context.Context, search string, limit int, before int64) (board.Page, error)
	Get(ctx context.Context, id int64) (board.Note, error)
	Create(ctx context.Context, d board.Draft) (board.Note, error)
	Update(ctx context.Context, id, version int64, p board.Patch) (board.Note, error)
	Delete(ctx context.Context, id, version int64) error
}

// Numbers is what the API needs of board.Service for the counters.
type Numbers interface {
	Stats(ctx context.Context) (board.Stats, error)
	Visit(ctx context.Context) (board.Stats, error)
}

// Health is what the API needs of health.Monitor.
type Health interface {
	Check(ctx context.Context) health.Report
	Draining() bool
}

// API answers requests. All fields but BodyLimit and MaxDelay are required.
type API struct {
	Notes   Notes
	Numbers Numbers
	Health  Health
	Hub     *live.Hub
	Metrics *obs.Metrics
	Build   obs.Build
	Log     *slog.Logger

	RequestTimeout time.Duration // bound of the work of one request, event streams aside

	BodyLimit int64         // bytes of a request body; 0 is no limit
	MaxDelay  time.Duration // bound of ?delay=, 0 turns it off
}

// Handler returns the whole service.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/notes", a.listNotes)
	mux.HandleFunc("POST /api/notes", a.createNote)
	mux.HandleFunc("GET /api/notes/{id}", a.getNote)
	mux.HandleFunc("PUT /api/notes/{id}", a.putNote)
	mux.HandleFunc("PATCH /api/notes/{id}", a.patchNote)
	mux.HandleFunc("DELETE /api/notes/{id}", a.deleteNote)
	mux.HandleFunc("GET /api/stats", a.stats)
	mux.HandleFunc("POST /api/visits", a.visit)
	mux.HandleFunc("GET "+eventsPath, a.events)
	mux.HandleFunc("GET /api/version", a.delayedVersion)
	mux.HandleFunc("GET /version", a.version)
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("GET /metrics", a.Metrics.Handler())
	return a.observe(a.recoverPanics(a.route(mux)))
}

// Server wraps the handler with the timeouts of a server behind a proxy. The event stream lifts those that would cut it.
func (a *API) Server(addr string) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           a.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      30 * time.Second,
		// Longer than a proxy keeps an idle connection (nginx: 60 s): the proxy must be the one that closes, or a
		// request that it sends at that very moment is lost.
		IdleTimeout: 120 * time.Second,
		// All that the gateway lets through at most (four buffers of HEADER_LIMIT), so that its limit is the one that counts.
		MaxHeaderBytes: 256 << 10,
		ErrorLog:       slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
}
