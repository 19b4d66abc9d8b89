package supervisor

import (
	"time"

	"drydock/internal/gateway/pool"
	"drydock/internal/gateway/render"
)

// View is what GET /state answers.
type View struct {
	Generation  int             `json:"generation"`
	Active      render.Colour   `json:"active"`
	Assumed     bool            `json:"assumed,omitempty"` // nobody has said that this colour is live
	Canary      *CanaryView     `json:"canary"`            // null: none
	Maintenance bool            `json:"maintenance"`
	Pushed      *Pushed         `json:"pushed"` // null: the image's own configuration
	Persistent  bool            `json:"persistent"`
	Serving     bool            `json:"serving"` // nginx runs
	Pools       []pool.View     `json:"pools"`
	Workers     WorkersView     `json:"workers"`
	Certificate CertificateView `json:"certificate"`
	LastReload  *Result         `json:"last_reload"` // null: none since the start
	Reloads     ReloadsView     `json:"reloads"`
	Started     time.Time       `json:"started"`
	Version     string          `json:"version"`
}

// CanaryView is a canary.
type CanaryView struct {
	Colour  render.Colour `json:"colour"`
	Percent int           `json:"percent"`
}

// WorkersView counts nginx's workers.
type WorkersView struct {
	New int `json:"new"` // take requests
	Old int `json:"old"` // finish what they have
}

// CertificateView is the certificate that nginx is to serve.
type CertificateView struct {
	TLS     string     `json:"tls"`     // where it comes from, or off
	Ready   bool       `json:"ready"`   // its files were in place for the generation that serves
	Expires *time.Time `json:"expires"` // null: not known
	Error   string     `json:"error,omitempty"`
	Renewal *Renewal   `json:"renewal,omitempty"` // null: nothing here renews it
}

// ReloadsView counts reloads since the start.
type ReloadsView struct {
	Done   uint64 `json:"done"`
	Failed uint64 `json:"failed"`
}

// Doubtful says that the other colour could be the live one as well.
func (v View) Doubtful() bool {
	return v.Assumed && presenceOf(v.Active.Other(), v.Pools) != absent
}

// View collects the state as it is now.
func (s *Supervisor) View() View {
	st := s.reloader.State()
	v := View{
		Generation: st.Generation, Active: st.Active, Assumed: st.Assumed, Pushed: st.Pushed, Persistent: s.persistent, Pools: s.pools.Views(),
		Reloads: ReloadsView{Done: s.reloadsDone.Load(), Failed: s.reloadsFailed.Load()}, Started: s.started, Version: s.version,
		Certificate: CertificateView{TLS: s.settings.Values.TLS, Ready: s.certificateReady.Load()},
	}
	if st.Canary > 0 {
		v.Canary = &CanaryView{st.Active.Other(), st.Canary}
	}
	v.Maintenance, _ = s.Maintenance() // not known is not on
	if n := s.nginx.Load(); n != nil && n.Alive() {
		v.Serving = true
		all, err := n.Workers()
		if err == nil {
			for _, w := range all {
				if w.Old {
					v.Workers.Old++
				} else {
					v.Workers.New++
				}
			}
		}
	}
	if cert, _ := s.settings.Values.CertFiles(); cert != "" {
		if at, err := expiry(cert); err != nil {
			v.Certificate.Error = err.Error()
		} else {
			v.Certificate.Expires = &at
		}
	}
	if r, ok := s.certs.(Renewing); ok {
		renewal := r.Renewal()
		v.Certificate.Renewal = &renewal
	}
	if last := s.reloader.Last(); !last.At.IsZero() {
		v.LastReload = &last
	}
	return v
}
