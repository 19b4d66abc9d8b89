package manifest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Signature is a signature of the document's digest.
type Signature struct {
	Algorithm string `json:"algorithm"` // hmac-sha256 or ed25519
	Key       string `json:"key"`       // which key, see KeyID; never the key
	Value     string `json:"value"`     // hexadecimal
}

// Signer signs the digest of a document.
type Signer interface {
	Sign(digest []byte) (*Signature, error)
}

// Verifier checks a signature. Its error says why it doesn't hold.
type Verifier interface {
	Verify(digest []byte, s Signature) error
}

// ErrSignature is matched by every error about a missing or wrong signature.
var ErrSignature = errors.New("the manifest's signature does not hold")

// CheckSignature checks the signature of a document that Parse or Seal returned. With
// a nil verifier everything passes.
func (m *Manifest) CheckSignature(v Verifier) error {
	switch {
	case v == nil:
		return nil
	case m.Signature == nil:
		return fmt.Errorf("%w: it has none, and a key is set; restore without the key only if this backup was made without one", ErrSignature)
	}
	if err := v.Verify([]byte(m.Digest), *m.Signature); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// KeyID names a key without telling it: the first 8 bytes of a hash of it.
func KeyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("drydock manifest key\x00"), key...))
	return hex.EncodeToString(sum[:8])
}

const (
	algorithmHMAC    = "hmac-sha256"
	algorithmEd25519 = "ed25519"
)

// HMAC signs and verifies with one secret key of at least 16 bytes.
type HMAC struct{ Key []byte }

// Sign returns the HMAC-SHA256 of the digest.
func (h HMAC) Sign(digest []byte) (*Signature, error) {
	if len(h.Key) < 16 {
		return nil, fmt.Errorf("the key has %d bytes, at least 16 are needed", len(h.Key))
	}
	return &Signature{Algorithm: algorithmHMAC, Key: KeyID(h.Key), Value: hex.EncodeToString(h.sum(digest))}, nil
}

// Verify compares in constant time.
func (h HMAC) Verify(digest []byte, s Signature) error {
	if err := sameKey(s, algorithmHMAC, KeyID(h.Key)); err != nil {
		return err
	}
	value, err := hex.DecodeString(s.Value)
	if err != nil || !hmac.Equal(value, h.sum(digest)) {
		return errors.New("the value is another one")
	}
	return nil
}

func (h HMAC) sum(digest []byte) []byte {
	mac := hmac.New(sha256.New, h.Key)
	mac.Write(digest)
	return mac.Sum(nil)
}

// Ed25519Signer signs with a private key, which need not be where restores are done.
type Ed25519Signer struct{ Key ed25519.PrivateKey }

// Sign returns the Ed25519 signature of the digest.
func (e Ed25519Signer) Sign(digest []byte) (*Signature, error) {
	if len(e.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("the private key has %d bytes instead of %d", len(e.Key), ed25519.PrivateKeySize)
	}
	public, _ := e.Key.Public().(ed25519.PublicKey) // always one
	return &Signature{Algorithm: algorithmEd25519, Key: KeyID(public), Value: hex.EncodeToString(ed25519.Sign(e.Key, digest))}, nil
}

// Ed25519Verifier verifies with the public key.
type Ed25519Verifier struct{ Key ed25519.PublicKey }

// Verify checks the signature.
func (e Ed25519Verifier) Verify(digest []byte, s Signature) error {
	if err := sameKey(s, algorithmEd25519, KeyID(e.Key)); err != nil {
		return err
	}
	value, err := hex.DecodeString(s.Value)
	if err != nil || len(e.Key) != ed25519.PublicKeySize || !ed25519.Verify(e.Key, digest, value) {
		return errors.New("the value is another one")
	}
	return nil
}

func sameKey(s Signature, algorithm, id string) error {
	if s.Algorithm != algorithm {
		return fmt.Errorf("it was made with %q, and the key is one for %s", s.Algorithm, algorithm)
	}
	if s.Key != id {
		return fmt.Errorf("it was made with the key %s, and this is the key %s", s.Key, id)
	}
	return nil
}
