package supervisor

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// Certificates is where certificates come from. nginx gets TLS when they are ready.
type Certificates interface {
	// Prepare runs once before nginx starts and should be quick. ready says that
	// the files which the configuration names are in place; an error is logged, and does not
	// keep the gateway from starting without TLS.
	Prepare(ctx context.Context) (ready bool, err error)
	// Run works until the context ends. It calls onChange after it put new files in place;
	// what that returns says whether nginx serves them.
	Run(ctx context.Context, onChange func(ctx context.Context) error) error
}

// Renewing is what a source of certificates that renews them also tells.
type Renewing interface {
	Renewal() Renewal
}

// Renewal is how the last attempt to renew the certificate went.
type Renewal struct {
	Failed      bool       `json:"failed"`
	Error       string     `json:"error,omitempty"`
	Failures    int        `json:"failures,omitempty"`     // in a row
	LastAttempt *time.Time `json:"last_attempt,omitempty"` // null: none yet
	NextAttempt *time.Time `json:"next_attempt,omitempty"`
	// Placeholder says that no real certificate has been obtained yet: browsers warn.
	Placeholder bool `json:"placeholder,omitempty"`
}

// filesEvery is how often given files are looked at.
const filesEvery = 30 * time.Second

// certificateFiles are files that others put there.
type certificateFiles struct {
	cert, key string
	every     time.Duration
	sum       atomic.Pointer[[sha256.Size]byte]
}

func (c *certificateFiles) Prepare(context.Context) (bool, error) {
	sum, err := c.read()
	if err != nil {
		return false, err
	}
	c.sum.Store(&sum)
	return true, nil
}

func (c *certificateFiles) read() ([sha256.Size]byte, error) {
	cert, err1 := os.ReadFile(c.cert)
	key, err2 := os.ReadFile(c.key)
	if err := errors.Join(err1, err2); err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("reading the certificate: %w", err)
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil { // nginx would not start with it
		return [sha256.Size]byte{}, fmt.Errorf("reading the certificate %s and its key %s: %w", c.cert, c.key, err)
	}
	return sha256.Sum256(append(append(cert, 0), key...)), nil
}

func (c *certificateFiles) Run(ctx context.Context, onChange func(context.Context) error) error {
	for sleep(ctx, c.every) {
		sum, err := c.read()
		if err != nil {
			continue // it is being replaced, or gone, or no pair: nginx goes on with what it has
		}
		if old := c.sum.Load(); old != nil && *old == sum {
			continue
		}
		if err := onChange(ctx); err != nil {
			continue // said by whoever failed; tried again in the next round
		}
		c.sum.Store(&sum)
	}
	return nil
}

// expiry is when the first certificate of a PEM file ends.
func expiry(file string) (time.Time, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return time.Time{}, fmt.Errorf("%s does not begin with a certificate", file)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading %s: %w", file, err)
	}
	return c.NotAfter, nil
}
