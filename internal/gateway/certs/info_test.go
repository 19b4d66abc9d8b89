package certs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	a := authority(t)
	certPEM, keyPEM, err := a.Issue([]string{"localhost", "127.0.0.1"}, nil, now)
	require.NoError(t, err)
	info, err := Read(append(keyPEM, certPEM...)) // a bundle
	require.NoError(t, err)
	assert.Equal(t, []string{"localhost", "127.0.0.1"}, info.Names)
	assert.Contains(t, info.Issuer, "Drydock local authority")
	assert.Equal(t, 397*24*time.Hour, info.Life())
	assert.Len(t, info.SHA256, 64)
	assert.Regexp(t, `^[0-9a-f]+$`, info.Serial)
	assert.False(t, info.SelfSigned)
	assert.False(t, info.Placeholder)

	info, err = Read(a.pem)
	require.NoError(t, err)
	assert.True(t, info.SelfSigned)

	_, err = Read([]byte("nothing"))
	assert.ErrorContains(t, err, "no PEM certificate")
	_, err = Read([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	assert.ErrorContains(t, err, "certificate 1 of the file is damaged")
}

func TestAPlaceholderIsNeverTakenForReal(t *testing.T) {
	certPEM, keyPEM, err := Placeholder([]string{"www.example.com"}, now)
	require.NoError(t, err)
	info, err := Read(certPEM)
	require.NoError(t, err)
	assert.True(t, info.Placeholder)
	assert.True(t, info.SelfSigned)
	assert.LessOrEqual(t, info.Life(), 7*24*time.Hour)
	due, why := NeedsRenewal(certPEM, now, []string{"www.example.com"})
	assert.True(t, due)
	assert.Equal(t, "it is a placeholder", why)
	assert.Len(t, Check(certPEM, keyPEM, []string{"www.example.com"}, now), 1)

	_, _, err = Placeholder(nil, now) // any name
	assert.NoError(t, err)
}

func TestNeedsRenewal(t *testing.T) {
	a := authority(t)
	certPEM, _, err := a.Issue([]string{"a.test", "b.test", "::1"}, nil, now)
	require.NoError(t, err)
	names := []string{"b.test", "A.test.", "0::1"}
	dayIn := 24 * time.Hour
	for _, c := range []struct {
		name  string
		at    time.Time
		names []string
		cert  []byte
		why   string
	}{
		{name: "fresh", at: now},
		{name: "two thirds in", at: now.Add(264 * dayIn)},
		{name: "a third left", at: now.Add(265 * dayIn), why: "less than a third"},
		{name: "over", at: now.Add(400 * dayIn), why: "it expired on"},
		{name: "a name more", at: now, names: append(names, "c.test"), why: "wanted is"},
		{name: "a name less", at: now, names: names[:1], why: "it is for a.test, b.test, ::1, wanted is b.test"},
		{name: "rubbish", at: now, cert: []byte("x"), why: "no PEM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.names == nil {
				c.names = names
			}
			if c.cert == nil {
				c.cert = certPEM
			}
			due, why := NeedsRenewal(c.cert, c.at, c.names)
			assert.Equal(t, c.why != "", due, why)
			assert.Contains(t, why, c.why)
		})
	}
}
