package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"drydock/internal/gateway/render"
)

// public answers the port that others on the network can reach: it shows and changes nothing.
func (s *Supervisor) public() http.Handler {
	mux := http.NewServeMux()
	s.readOnly(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this port shows and changes nothing", http.StatusMethodNotAllowed)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Supervisor) readOnly(mux *http.ServeMux) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3, Timeout: 10 * time.Second}))
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.View()) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		n := s.nginx.Load()
		if n == nil || !n.Alive() {
			http.Error(w, "nginx does not run", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

// control answers the unix socket: who can open it may change everything.
func (s *Supervisor) control() http.Handler {
	mux := http.NewServeMux()
	s.readOnly(mux)
	mux.HandleFunc("GET /window", func(w http.ResponseWriter, r *http.Request) {
		seconds, err := strconv.Atoi(or(r.FormValue("seconds"), "60"))
		if err != nil || seconds < 1 || seconds > windowSeconds {
			fail(w, WithCode(CodeUsage, fmt.Errorf("seconds is %q; expected 1 to %d", r.FormValue("seconds"), windowSeconds)))
			return
		}
		colour := r.FormValue("colour")
		if colour != "" && !render.Colour(colour).Valid() {
			fail(w, WithCode(CodeUsage, fmt.Errorf("colour is %q; expected blue or green, or nothing for all", colour)))
			return
		}
		answer(w, s.requests.Window(colour, seconds))
	})
	act := func(pattern string, f func(*http.Request) (Result, error)) {
		mux.HandleFunc("POST "+pattern, func(w http.ResponseWriter, r *http.Request) {
			given := r.URL.Query().Get("turn") // not of a form: the body may be an archive
			turn, err := strconv.ParseInt(or(given, "0"), 10, 64)
			if err != nil {
				fail(w, WithCode(CodeUsage, fmt.Errorf("turn is %q; expected what `gateway turn` printed", given)))
				return
			}
			res, err := f(r.WithContext(inTurn(r.Context(), turn)))
			if err != nil {
				fail(w, err)
				return
			}
			answer(w, res)
		})
	}
	act("/switch", func(r *http.Request) (Result, error) {
		return s.Switch(r.Context(), render.Colour(r.FormValue("colour")), r.FormValue("force") == "true")
	})
	act("/canary", func(r *http.Request) (Result, error) {
		percent, err := strconv.Atoi(r.FormValue("percent"))
		if err != nil {
			return Result{}, WithCode(CodeUsage, fmt.Errorf("percent is %q; expected 0 to 99", r.FormValue("percent")))
		}
		return s.Canary(r.Context(), render.Colour(r.FormValue("colour")), percent, r.FormValue("force") == "true")
	})
	act("/reload", func(r *http.Request) (Result, error) {
		return s.Reload(r.Context(), or(r.FormValue("reason"), "asked for"))
	})
	act("/load", func(r *http.Request) (Result, error) {
		// A client that is still sending would not read why it was refused.
		defer func() { _, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 4*maxTreeBytes)) }()
		return s.Load(r.Context(), r.Body)
	})
	act("/unload", func(r *http.Request) (Result, error) { return s.Unload(r.Context()) })
	mux.HandleFunc("POST /turn", func(w http.ResponseWriter, r *http.Request) {
		turn, err := s.reloader.Turn(r.Context())
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, turn)
	})
	mux.HandleFunc("GET /maintenance", func(w http.ResponseWriter, _ *http.Request) { s.tellMaintenance(w) })
	mux.HandleFunc("POST /maintenance", func(w http.ResponseWriter, r *http.Request) {
		on, err := strconv.ParseBool(r.FormValue("on"))
		if err != nil {
			fail(w, WithCode(CodeUsage, fmt.Errorf("on is %q; expected true or false", r.FormValue("on"))))
			return
		}
		if err := s.SetMaintenance(on, r.FormValue("reason")); err != nil {
			fail(w, err)
			return
		}
		s.tellMaintenance(w)
	})
	return mux
}

// MaintenanceView is what /maintenance answers.
type MaintenanceView struct {
	On bool `json:"on"`
}

func (s *Supervisor) tellMaintenance(w http.ResponseWriter) {
	on, err := s.Maintenance()
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, MaintenanceView{on})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // who asked may be gone
}

// Failure is an error as the API tells it.
type Failure struct {
	Error string `json:"error"`
	Code  int    `json:"code"` // exit code that it is worth
}

func fail(w http.ResponseWriter, err error) {
	code := Code(err)
	status := http.StatusInternalServerError
	switch code {
	case CodeUsage:
		status = http.StatusBadRequest
	case CodeRefused:
		status = http.StatusConflict
	case CodeConfig:
		status = http.StatusUnprocessableEntity
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Failure{Error: err.Error(), Code: code}) // who asked may be gone
}
