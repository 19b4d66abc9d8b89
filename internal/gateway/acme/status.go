package acme

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"drydock/internal/aside"
)

// Status is what there is and what was tried. It outlives the process, so that a
// container that restarts again and again does not ask the authority each time.
type Status struct {
	Directory string   `json:"directory"`
	Domains   []string `json:"domains"`

	Serial      string    `json:"serial,omitempty"` // of the pair in the store, hexadecimal
	NotAfter    time.Time `json:"notAfter,omitzero"`
	Placeholder bool      `json:"placeholder,omitempty"`
	RenewAt     time.Time `json:"renewAt,omitzero"`

	LastAttempt time.Time `json:"lastAttempt,omitzero"` // the last look, also when there was nothing to do
	LastSuccess time.Time `json:"lastSuccess,omitzero"` // the last look that ended well
	LastError   string    `json:"lastError,omitempty"`  // of the last look; empty when it ended well
	Failures    int       `json:"failures,omitempty"`   // in a row
	RetryAfter  time.Time `json:"retryAfter,omitzero"`  // the authority wants no request before
	NextAttempt time.Time `json:"nextAttempt,omitzero"` // set by Run

	// RecheckSeconds is how often the authority wants to be asked when to renew; 0: it
	// doesn't say.
	RecheckSeconds int `json:"recheckSeconds,omitempty"`
	// IssuedBy is the directory that Serial came from; empty: unknown.
	IssuedBy string `json:"issuedBy,omitempty"`
}

// Status is what is known now.
func (m *Manager) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// change changes the status and tells the observer.
func (m *Manager) change(f func(*Status)) Status {
	m.observing.Lock() // observers see the changes in their order
	defer m.observing.Unlock()
	m.mu.Lock()
	f(&m.status)
	s := m.status
	m.mu.Unlock()
	if m.o.Observe != nil {
		m.o.Observe(s)
	}
	return s
}

// record is change, kept on disk. That it cannot be written is no reason to fail: what
// matters is the certificate.
func (m *Manager) record(f func(*Status)) {
	m.keep(m.change(f))
}

// keep writes a status for the next process.
func (m *Manager) keep(s Status) {
	content, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = aside.WriteBytes(m.statusFile(), 0o644, append(content, '\n'))
	}
	if err != nil {
		m.o.Log.Warn("The status of the certificate cannot be kept", "error", err)
	}
}

// recall reads what an earlier process recorded. What it tried with other settings says
// nothing about these.
func (m *Manager) recall() {
	content, err := os.ReadFile(m.statusFile())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var old Status
	if err == nil {
		err = json.Unmarshal(content, &old)
	}
	if err != nil {
		m.o.Log.Warn("The recorded status of the certificate cannot be read, and is begun anew", "error", err)
		return
	}
	m.change(func(s *Status) {
		if s.IssuedBy == "" {
			s.Serial, s.IssuedBy = old.Serial, old.IssuedBy
		}
		if !s.LastAttempt.IsZero() || old.Directory != s.Directory || !slices.Equal(old.Domains, s.Domains) {
			return
		}
		s.LastSuccess = old.LastSuccess
		if old.Failures == 0 {
			return // the look at each start costs nothing when all is well
		}
		s.LastAttempt, s.LastError, s.RetryAfter = old.LastAttempt, old.LastError, old.RetryAfter
		// Who restarts the gateway after a correction wants to see it tried soon.
		s.Failures = min(old.Failures, restartFailures)
	})
}

func (m *Manager) statusFile() string { return filepath.Join(m.o.Store, "status.json") }
