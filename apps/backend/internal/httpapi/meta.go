package httpapi

import (
	"net/http"
	"time"
)

func (a *API) stats(w http.ResponseWriter, r *http.Request) {
	st, err := a.Numbers.Stats(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.answer(w, r, http.StatusOK, st)
}

func (a *API) visit(w http.ResponseWriter, r *http.Request) {
	st, err := a.Numbers.Visit(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.answer(w, r, http.StatusOK, st)
}

// healthz says that the process runs and answers, nothing else: a restart does not help against a database that is away.
func (a *API) healthz(w http.ResponseWriter, r *http.Request) {
	a.answer(w, r, http.StatusOK, map[string]string{"status": "ok"})
}

func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	report := a.Health.Check(r.Context())
	status := http.StatusOK
	if !report.Ready {
		status = http.StatusServiceUnavailable
	}
	a.answer(w, r, status, report)
}

func (a *API) version(w http.ResponseWriter, r *http.Request) {
	a.answer(w, r, http.StatusOK, a.Build)
}

// delayedVersion is version; with MAX_DELAY set it can take its time, so that a test can have a request in flight while
// the instance is told to stop.
func (a *API) delayedVersion(w http.ResponseWriter, r *http.Request) {
	if s := r.URL.Query().Get("delay"); s != "" && a.MaxDelay > 0 {
		delay, err := time.ParseDuration(s)
		if err != nil || delay < 0 || delay > a.MaxDelay {
			a.fail(w, r, badRequest("delay is a duration from 0s to "+a.MaxDelay.String()))
			return
		}
		t := time.NewTimer(delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			a.fail(w, r, r.Context().Err())
			return
		}
	}
	a.version(w, r)
}
