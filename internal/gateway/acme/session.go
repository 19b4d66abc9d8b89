package acme

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-acme/lego/v5/acme/api"

	"drydock/internal/gateway/certs"
)

// session is one conversation with the authority.
type session struct {
	m         *Manager
	account   *account
	transport *transport
	core      *api.Core
}

// connect asks for the directory; the session's context bounds it.
func (s *session) connect() error {
	core, err := api.New(&http.Client{Transport: s.transport}, "drydock-gateway", s.m.o.Directory, s.account.Location, s.account.key)
	if err != nil {
		return fmt.Errorf("asking for the ACME directory: %w", s.explain(err))
	}
	s.core = core
	return nil
}

// advice asks when a certificate should be renewed. The id is its name in an order that
// replaces it; empty when the server does not know the certificate. A server that has no advice,
// or doesn't answer, is no failure: there is a date without it.
func (s *session) advice(ctx context.Context, pair certs.Pair) (w *window, id string) {
	leaf, err := certs.Leaf(pair.Cert)
	if err != nil || len(leaf.AuthorityKeyId) == 0 || s.core.GetDirectory().RenewalInfo == "" {
		return nil, ""
	}
	id, err = api.MakeARICertID(leaf)
	if err != nil {
		return nil, ""
	}
	info, err := s.core.Certificates.GetRenewalInfo(ctx, id)
	if err != nil {
		s.m.o.Log.Debug("The ACME server has no advice when to renew", "error", err)
		return nil, ""
	}
	if info.ExplanationURL != "" {
		s.m.o.Log.Info("The ACME server explains its advice when to renew", "url", clean(info.ExplanationURL))
	}
	s.m.change(func(st *Status) { st.RecheckSeconds = int(info.RetryAfter / time.Second) })
	return &window{start: info.SuggestedWindow.Start, end: info.SuggestedWindow.End}, id
}
