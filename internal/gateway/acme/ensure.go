package acme

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"drydock/internal/gateway/certs"
)

// Prepare puts a pair in place when there is none that can be used, so that nginx can
// start and answer challenges: a placeholder, or what is there, whatever its age.
//
// It waits for another process that works in the store only when it has to write.
func (m *Manager) Prepare(ctx context.Context) (ready bool, err error) {
	pair, err := m.prepare(ctx)
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	m.served = pair.Info.Serial // the caller starts nginx with it
	m.mu.Unlock()
	return true, nil
}

func (m *Manager) prepare(ctx context.Context) (certs.Pair, error) {
	if err := os.MkdirAll(m.o.Challenges, 0o755); err != nil {
		return certs.Pair{}, fmt.Errorf("making the folder for challenges: %w", err)
	}
	pair, err := m.current()
	if err == nil && !m.servable(pair) {
		pair, err = m.placeholder(ctx)
	}
	if err != nil {
		return certs.Pair{}, err
	}
	m.recalled.Do(m.recall)
	m.inUse(pair.Info)
	return pair, nil
}

// servable tells whether nginx can do with a pair until there is a better one.
func (m *Manager) servable(pair certs.Pair) bool {
	if pair.Info.Placeholder {
		return certs.IsFor(pair.Cert, m.domains) && m.o.Now().Before(pair.Info.NotAfter)
	}
	return pair.Info.Serial != ""
}

// placeholder publishes one, unless another process was faster.
func (m *Manager) placeholder(ctx context.Context) (certs.Pair, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return certs.Pair{}, err
	}
	defer unlock()
	if pair, err := m.current(); err != nil || m.servable(pair) {
		return pair, err
	}
	cert, key, err := certs.Placeholder(m.domains, m.o.Now())
	if err != nil {
		return certs.Pair{}, err
	}
	pair, err := m.store.Publish(cert, key)
	if err == nil {
		m.o.Log.Info("A placeholder certificate is in place until the first real one arrives", "domains", strings.Join(m.domains, ", "))
	}
	return pair, err
}

// Pair is what is to be served now; fs.ErrNotExist before Prepare and Ensure.
func (m *Manager) Pair() (certs.Pair, error) { return m.store.Current() }

// Ensure looks whether the certificate is missing, for other domains, from another
// directory, or due, and gets a new one if so. Changed tells that there is a new pair in
// the store. After an error the old pair is there as it was.
func (m *Manager) Ensure(ctx context.Context) (changed bool, err error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	m.recalled.Do(m.recall)
	changed, err = m.ensure(ctx)
	if err != nil {
		err = fmt.Errorf("keeping the certificate for %s fresh with %s: %w", strings.Join(m.domains, ", "), m.o.Directory, err)
	}
	if err != nil && ctx.Err() != nil {
		return changed, err // an end that was asked for is no failure
	}
	now := m.o.Now()
	m.record(func(s *Status) {
		s.LastAttempt = now
		if err != nil {
			s.LastError = err.Error()
			s.Failures = max(1, s.Failures)
			return
		}
		s.LastSuccess, s.LastError, s.Failures, s.RetryAfter = now, "", 0, time.Time{}
	})
	return changed, err
}

func (m *Manager) ensure(ctx context.Context) (changed bool, err error) {
	pair, err := m.current()
	if err != nil {
		return false, err
	}
	m.inUse(pair.Info)
	acc, err := m.loadAccount()
	if err != nil {
		return false, m.failed(err, time.Time{})
	}
	why := m.needed(pair)
	if err := acc.ensureKey(); err != nil {
		return false, m.failed(err, time.Time{})
	}
	s := &session{m: m, account: acc, transport: m.newTransport(ctx)}
	defer s.transport.close()
	connected := s.connect()
	var advice *window
	replaces := ""
	if why == "" {
		if connected == nil {
			advice, replaces = s.advice(ctx, pair)
		}
		at := renewAt(pair.Info, m.o.RenewBefore, advice)
		m.change(func(st *Status) { st.RenewAt = at })
		if m.o.Now().Before(at) {
			if connected != nil && ctx.Err() == nil {
				m.o.Log.Warn("The ACME server does not answer; the certificate is not due yet", "renewal", at, "error", connected)
			}
			return false, ctx.Err()
		}
		why = "it is due since " + at.UTC().Format(time.RFC3339)
	}
	m.o.Log.Info("A certificate is being ordered", "domains", strings.Join(m.domains, ", "), "why", why, "directory", m.o.Directory)
	// Counted before it is made: a process that dies of it each time must not ask the
	// authority each time.
	// For who looks now, an attempt that is under way has not failed, nor ended the failure
	// before it.
	st := m.change(func(st *Status) { st.LastAttempt = m.o.Now(); st.Failures++ })
	st.LastError = interrupted
	m.keep(st)
	err = connected
	if err == nil {
		err = s.signIn(ctx)
	}
	if err == nil {
		err = s.renew(ctx, replaces)
	}
	if err != nil {
		m.change(func(st *Status) { st.RetryAfter = s.transport.held() })
		return false, m.kept(pair.Info, err)
	}
	return true, nil
}

// interrupted is what the next process reads of an attempt that this one did not end.
const interrupted = "the last attempt was interrupted"

// failed counts a failure that came before any request.
func (m *Manager) failed(err error, until time.Time) error {
	m.change(func(st *Status) { st.Failures++; st.RetryAfter = until })
	return err
}

// renew gets a pair and publishes it.
func (s *session) renew(ctx context.Context, replaces string) error {
	m := s.m
	if err := (tokens{m.o.Challenges}).clear(); err != nil {
		return fmt.Errorf("clearing the folder for challenges: %w", err)
	}
	chain, key, err := s.obtain(ctx, m.domains, replaces)
	if err != nil {
		return err
	}
	info, err := certs.Read(chain)
	if err != nil {
		return fmt.Errorf("the ACME server sent something else than a certificate: %w", err)
	}
	if !certs.IsFor(chain, m.domains) {
		return fmt.Errorf("the ACME server issued a certificate for %s only", strings.Join(info.Names, ", "))
	}
	pair, err := m.store.Publish(chain, key)
	if err != nil {
		return err
	}
	m.inUse(pair.Info)
	at := renewAt(pair.Info, m.o.RenewBefore, nil)
	m.record(func(st *Status) { st.IssuedBy, st.RenewAt = m.o.Directory, at })
	if now := m.o.Now(); !now.Before(at) || now.Before(info.NotBefore) {
		m.o.Log.Warn("The new certificate's dates do not fit this machine's clock: set the clock right", "now", now, "notBefore", info.NotBefore, "notAfter", info.NotAfter)
	}
	m.o.Log.Info("A new certificate is in place", "domains", strings.Join(m.domains, ", "), "serial", info.Serial, "notAfter", info.NotAfter)
	return nil
}

// needed is why a pair has to be replaced whatever its age; empty when it need not be.
func (m *Manager) needed(pair certs.Pair) string {
	st := m.Status()
	switch {
	case pair.Info.Serial == "":
		return "there is none"
	case st.IssuedBy != "" && st.IssuedBy != m.o.Directory:
		return "the one there is was issued by " + st.IssuedBy
	case m.o.Now().Before(pair.Info.NotAfter):
		// Asked as of its first moment, only what does not depend on its age counts.
		_, why := certs.NeedsRenewal(pair.Cert, pair.Info.NotBefore, m.domains)
		return why
	}
	return "the one there is expired on " + pair.Info.NotAfter.UTC().Format(time.RFC3339)
}

// kept says what goes on being served.
func (m *Manager) kept(old certs.Info, err error) error {
	switch {
	case old.Serial == "":
		return err
	case old.Placeholder:
		return fmt.Errorf("%w\nuntil this is solved browsers see a placeholder certificate, and warn", err)
	}
	return fmt.Errorf("%w\nthe certificate that is there stays in use; it is valid until %s", err, old.NotAfter.UTC().Format(time.RFC3339))
}

// current is the pair in the store; an empty one when there is none, or a damaged one,
// which is as good as none.
func (m *Manager) current() (certs.Pair, error) {
	pair, err := m.store.Current()
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return pair, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return certs.Pair{}, err
	}
	m.o.Log.Warn("The stored certificate is replaced", "error", err)
	return certs.Pair{}, nil
}

// inUse tells the status which pair there is.
func (m *Manager) inUse(info certs.Info) {
	m.change(func(s *Status) {
		if s.Serial != info.Serial {
			s.IssuedBy = "" // it was another one's
		}
		s.Serial, s.NotAfter, s.Placeholder = info.Serial, info.NotAfter, info.Placeholder
	})
}
