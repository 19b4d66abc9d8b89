package configarchive

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// purpose is signed with the index, so that a signature cannot be used for anything else.
const purpose = "drydock configuration archive, index, format 1\n"

type signature struct {
	Key       PublicKey `json:"key"`
	Signature []byte    `json:"signature"`
}

func (k SigningKey) sign(index []byte) ([]byte, error) {
	return json.Marshal(signature{Key: k.Public(), Signature: ed25519.Sign(k.private, append([]byte(purpose), index...))})
}

// WrongSignerError is a valid signature of somebody who is not trusted.
type WrongSignerError struct {
	Signer  PublicKey
	Trusted []PublicKey
}

func (e *WrongSignerError) Error() string {
	var names []string
	for _, k := range e.Trusted {
		names = append(names, string(k))
	}
	return fmt.Sprintf("the archive is signed by %s, and not by %s: it comes from another installation, or was made to look like one of this", e.Signer, strings.Join(names, " or "))
}

// checkSignature returns who signed the index.
func checkSignature(index, text []byte, trusted []PublicKey) (PublicKey, error) {
	var s signature
	if err := json.Unmarshal(text, &s); err != nil {
		return "", fmt.Errorf("%s is not readable: %w", sigName, err)
	}
	key, err := s.Key.key()
	if err != nil {
		return "", fmt.Errorf("%s: %w", sigName, err)
	}
	if !ed25519.Verify(key, append([]byte(purpose), index...), s.Signature) {
		return "", errors.New("the signature is not one of this index: one of the two was changed")
	}
	if len(trusted) > 0 && !slices.Contains(trusted, s.Key) {
		return "", &WrongSignerError{Signer: s.Key, Trusted: trusted}
	}
	return s.Key, nil
}
