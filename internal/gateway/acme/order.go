package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	legoacme "github.com/go-acme/lego/v5/acme"
	"github.com/go-acme/lego/v5/acme/api"
)

const (
	pollFirst     = 250 * time.Millisecond
	pollMost      = 5 * time.Second
	proofTimeout  = 2 * time.Minute // for all domains of an order together
	issueTimeout  = 2 * time.Minute
	httpChallenge = "http-01"
)

// obtain orders a certificate with a new key (RFC 8555, 7.1). Replaces is the old
// certificate's id in RFC 9773, or empty.
func (s *session) obtain(ctx context.Context, domains []string, replaces string) (chainPEM, keyPEM []byte, err error) {
	order, err := s.order(ctx, domains, replaces)
	if err != nil {
		return nil, nil, fmt.Errorf("placing an order: %w", err)
	}
	if err := s.prove(ctx, order); err != nil {
		return nil, nil, fmt.Errorf("proving the domains: %w", err)
	}
	chainPEM, keyPEM, err = s.issue(ctx, domains, order)
	if err != nil {
		return nil, nil, fmt.Errorf("having the certificate issued: %w", err)
	}
	return chainPEM, keyPEM, nil
}

func (s *session) order(ctx context.Context, domains []string, replaces string) (legoacme.ExtendedOrder, error) {
	order, err := s.core.Orders.New(ctx, domains, &api.OrderOptions{ReplacesCertID: replaces})
	if err != nil && isType(err, legoacme.AccountDoesNotExistErrorType) {
		if err := s.signInAnew(ctx); err != nil {
			return order, err
		}
		order, err = s.core.Orders.New(ctx, domains, &api.OrderOptions{ReplacesCertID: replaces})
	}
	var p *legoacme.ProblemDetails
	if replaces != "" && errors.As(err, &p) && p.HTTPStatus < 500 && p.Type != legoacme.RateLimitedErrorType {
		// That an order replaces another is a courtesy; it must not be in the way.
		s.m.o.Log.Info("The ACME server refuses to hear what the order replaces", "detail", clean(p.Detail))
		order, err = s.core.Orders.New(ctx, domains, nil)
	}
	return order, s.explain(err)
}

// proof is one domain that has still to be proven.
type proof struct {
	domain, url string // url of the authorization
	challenge   legoacme.Challenge
}

// prove answers the challenges of all domains, then waits for all, so that every domain's
// fault is told at once. The answers are gone afterwards, however it ends.
func (s *session) prove(ctx context.Context, order legoacme.ExtendedOrder) error {
	todo, err := s.challenges(ctx, order)
	folder := tokens{s.m.o.Challenges}
	defer func() {
		for _, p := range todo {
			if err := folder.remove(p.challenge.Token); err != nil {
				s.m.o.Log.Warn("The answer to a challenge cannot be removed", "error", err)
			}
		}
	}()
	if err != nil {
		return err
	}
	for _, p := range todo {
		answer, err := s.core.GetKeyAuthorization(p.challenge.Token)
		if err == nil {
			err = folder.put(p.challenge.Token, answer)
		}
		if err != nil {
			return &DomainError{p.domain, err}
		}
	}
	waitCtx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	var failures []error
	for i := range todo {
		if _, err := s.core.Challenges.New(waitCtx, todo[i].challenge.URL); err != nil {
			failures = append(failures, &DomainError{todo[i].domain, s.explain(err)})
			todo[i].url = ""
		}
	}
	for _, p := range todo {
		if p.url == "" {
			continue
		}
		if err := s.proven(waitCtx, p); err != nil {
			failures = append(failures, &DomainError{p.domain, err})
		}
	}
	if ctx.Err() != nil {
		return ctx.Err() // each domain's error is only this one
	}
	return errors.Join(failures...)
}

// challenges asks what has to be proven; a domain that was proven lately need not be.
func (s *session) challenges(ctx context.Context, order legoacme.ExtendedOrder) ([]proof, error) {
	var todo []proof
	for _, url := range order.Authorizations {
		a, err := s.core.Authorizations.Get(ctx, url)
		if err != nil {
			return nil, s.explain(err)
		}
		if a.Status == legoacme.StatusValid {
			continue
		}
		i := slices.IndexFunc(a.Challenges, func(c legoacme.Challenge) bool { return c.Type == httpChallenge })
		if i < 0 {
			return nil, &DomainError{clean(a.Identifier.Value), errors.New("the ACME server does not offer the challenge " + httpChallenge + ", the only one that the gateway can answer: use another directory, or bring the certificate as files")}
		}
		if !tokenName.MatchString(a.Challenges[i].Token) {
			return nil, &DomainError{clean(a.Identifier.Value), fmt.Errorf("the ACME server sent a token that is none: %.100q", a.Challenges[i].Token)}
		}
		todo = append(todo, proof{domain: clean(a.Identifier.Value), url: url, challenge: a.Challenges[i]})
	}
	slices.SortFunc(todo, func(a, b proof) int { return strings.Compare(a.domain, b.domain) }) // servers send any order
	return todo, nil
}

// proven waits until the server has made up its mind about a domain.
func (s *session) proven(ctx context.Context, p proof) error {
	return poll(ctx, "the ACME server has not looked at the challenge in time: check that the domain's records point to this server and that its port 80 is open, and look at the authority's status page", func() (bool, error) {
		a, err := s.core.Authorizations.Get(ctx, p.url)
		if err != nil {
			return false, s.explain(err)
		}
		switch a.Status {
		case legoacme.StatusValid:
			return true, nil
		case legoacme.StatusPending, legoacme.StatusProcessing:
			return false, nil
		}
		for _, c := range a.Challenges {
			if c.Error != nil {
				return false, s.explain(c.Error)
			}
		}
		return false, fmt.Errorf("the ACME server calls the authorization %q, without a reason", clean(a.Status))
	})
}

// issue sends the request and waits for the certificate.
func (s *session) issue(ctx context.Context, domains []string, order legoacme.ExtendedOrder) (chainPEM, keyPEM []byte, err error) {
	waitCtx, cancel := context.WithTimeout(ctx, issueTimeout)
	defer cancel()
	if _, err = s.await(waitCtx, order.Location, legoacme.StatusReady, legoacme.StatusValid); err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a key: %w", err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: domains}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("making a request: %w", err)
	}
	if _, err = s.core.Orders.UpdateForCSR(waitCtx, order.Finalize, request); err != nil {
		return nil, nil, s.explain(err)
	}
	done, err := s.await(waitCtx, order.Location, legoacme.StatusValid)
	if err != nil {
		return nil, nil, err
	}
	raw, err := s.core.Certificates.Get(waitCtx, done.Certificate, true)
	if err != nil {
		return nil, nil, s.explain(err)
	}
	return raw.Cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// await waits until an order has one of the states.
func (s *session) await(ctx context.Context, url string, states ...string) (order legoacme.ExtendedOrder, err error) {
	err = poll(ctx, "the ACME server did not finish the order in time: look at its status page", func() (bool, error) {
		order, err = s.core.Orders.Get(ctx, url)
		switch {
		case err != nil:
			return false, s.explain(err)
		case order.Status == legoacme.StatusInvalid && order.Error != nil:
			return false, s.explain(order.Error)
		case order.Status == legoacme.StatusInvalid:
			return false, errors.New("the ACME server calls the order invalid, without a reason")
		}
		return slices.Contains(states, order.Status), nil
	})
	return order, err
}

// poll asks until there is an answer, more and more slowly.
func poll(ctx context.Context, late string, ask func() (done bool, err error)) error {
	for wait := pollFirst; ; wait = min(wait*3/2, pollMost) {
		if done, err := ask(); done || err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s (%w)", late, ctx.Err())
			}
			return ctx.Err()
		}
	}
}
