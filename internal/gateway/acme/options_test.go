package acme

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewSaysEverythingThatIsWrong(t *testing.T) {
	_, err := New(Options{Directory: "http://ca.test/dir", Email: "Me <me@x.org>", Store: "tls", Challenges: "/x", RenewBefore: -time.Hour,
		Domains: []string{"*.shop.com", "10.0.0.1", "a_b.com"}})
	require.Error(t, err)
	for _, want := range []string{
		"is not an https URL", "e-mail address", "terms of service of ca.test are not accepted", "absolute paths", "before the end is not possible",
		"*.shop.com is a wildcard", "through DNS only", "10.0.0.1 is an address", `"a_b.com" is not a DNS name`,
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestDomains(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("a%d.com", i)
	}
	for _, c := range []struct {
		in     []string
		public bool
		want   []string
		err    string
	}{
		{in: []string{"Shop.com", "www.shop.com.", "shop.com"}, public: true, want: []string{"shop.com", "www.shop.com"}},
		{in: []string{"bücher.de"}, public: true, want: []string{"xn--bcher-kva.de"}},
		{in: []string{"localhost", "a.internal"}, want: []string{"localhost", "a.internal"}},
		{in: []string{"localhost"}, public: true, err: "not a name of the Internet"},
		{in: []string{"a.internal"}, public: true, err: "reserved for local use"},
		{in: nil, err: "set at least one"},
		{in: many[:100], want: many[:100]},
		{in: many, err: "101 domains are more than the 100"},
		{in: append(many[:100:100], "A1.com"), want: many[:100]},
		{in: []string{"[::1]"}, err: "without a port"},
		{in: []string{"::1"}, err: "is an address"},
	} {
		got, err := checkDomains(c.in, c.public)
		if c.err != "" {
			assert.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
}

func TestLetsEncryptIsTheDefault(t *testing.T) {
	m, err := New(Options{Store: "/a", Challenges: "/b", AcceptTerms: true, Domains: []string{"shop.com"}})
	require.NoError(t, err)
	assert.Equal(t, LetsEncrypt, m.Status().Directory)
	_, err = New(Options{Store: "/a", Challenges: "/b", AcceptTerms: true, Domains: []string{"box.local"}})
	assert.ErrorContains(t, err, "reserved for local use")
}
