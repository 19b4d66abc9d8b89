package certs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNormalise(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{in: "Example.COM.", want: "example.com"},
		{in: " www.example.com ", want: "www.example.com"},
		{in: "bücher.example", want: "xn--bcher-kva.example"},
		{in: "BÜCHER.example", want: "xn--bcher-kva.example"},
		{in: "例え.テスト", want: "xn--r8jz45g.xn--zckzah"},
		{in: "*.Example.com", want: "*.example.com"},
		{in: "::0001", want: "::1"},
		{in: "::ffff:10.0.0.1", want: "10.0.0.1"},
		{in: "localhost", want: "localhost"},
		{in: "", err: "empty"},
		{in: ".", err: "empty"},
		{in: "https://example.com", err: "without scheme"},
		{in: "example.com/x", err: "without scheme"},
		{in: "example.com:443", err: "without a port"},
		{in: "a_b.example.com", err: "not a DNS name"},
		{in: "a b.example.com", err: "not a DNS name"},
		{in: "-a.example.com", err: "not a DNS name"},
		{in: "a..example.com", err: "not a DNS name"},
		{in: "a.*.example.com", err: "not a DNS name"},
		{in: strings.Repeat("a", 64) + ".example", err: "not a DNS name"},
		{in: strings.Repeat("a.", 130) + "example", err: "not a DNS name"},
	} {
		got, err := Normalise(c.in)
		if c.err != "" {
			require.Error(t, err, c.in)
			assert.Contains(t, err.Error(), c.err, c.in)
			continue
		}
		require.NoError(t, err, c.in)
		assert.Equal(t, c.want, got)
	}
}

func TestNormaliseAllSaysEverything(t *testing.T) {
	_, err := NormaliseAll([]string{"a_b", "good.example", "x:1"})
	assert.ErrorContains(t, err, "a_b")
	assert.ErrorContains(t, err, "x:1")
	got, err := NormaliseAll([]string{"b.example", "a.example", "B.example."})
	require.NoError(t, err)
	assert.Equal(t, []string{"b.example", "a.example"}, got)
}

// What Normalise answers is its own normal form, so comparing is safe.
func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"example.com", "bücher.example", "*.x", "::1", "xn--", "a.\u3002b", "ß.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, err := Normalise(s)
		if err != nil {
			return
		}
		twice, err := Normalise(once)
		if err != nil || twice != once {
			t.Fatalf("%q -> %q -> %q, %v", s, once, twice, err)
		}
	})
}
