package run

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRedact(t *testing.T) {
	key := "-----BEGIN KEY-----\nMIIabcdefgh\n{\n-----END KEY-----\n"
	for _, test := range []struct {
		in      string
		secrets []string
		want    string
	}{
		{"nothing to hide", nil, "nothing to hide"},
		{"a secret b", []string{"secret"}, "a **** b"},
		{"secretsecret", []string{"secret"}, "********"},
		{"abcd abc ab", []string{"abc", "abcd"}, "**** **** ab"}, // the longest first
		{"sec", []string{"secret"}, "sec"},                       // a beginning is no secret
		{"", []string{"", "secret"}, ""},
		{"postgres://u:p%40ss%24%27@db", []string{"p@ss$'"}, "postgres://u:****@db"},
		{`{"p":"a\"b\\c"}`, []string{`a"b\c`}, `{"p":"****"}`},
		{"Basic " + base64.StdEncoding.EncodeToString([]byte("s3cret!")), []string{"s3cret!"}, "Basic ****"},
		{"line: MIIabcdefgh {", []string{key}, "line: **** {"}, // a brace is nobody's secret
		{"file content\n" + key, []string{key}, "file content\n****"},
	} {
		assert.Equal(t, test.want, Redact(test.in, test.secrets...), test.in)
	}
}

// FuzzRedactor cuts the same text into chunks in any way: the output may not depend on
// it, and may not contain the secret.
func FuzzRedactor(f *testing.F) {
	f.Add("the password is hunter2 hunter2hunter", "hunter2", uint64(3))
	f.Add("aaaaaaab", "aab", uint64(1))
	f.Add("pa%24ss", "pa$ss", uint64(2))
	f.Fuzz(func(t *testing.T, text, secret string, cuts uint64) {
		if len(text) > 4096 || len(secret) > 64 {
			return // longer than any secret that we have
		}
		whole := Redact(text, secret)
		var out bytes.Buffer
		r := NewRedactor(&out, secret)
		rest := text
		for rest != "" {
			n := int(cuts%7) + 1
			cuts = cuts*6364136223846793005 + 1
			n = min(n, len(rest))
			_, err := r.Write([]byte(rest[:n]))
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.NoError(t, r.Close())
		require.Equal(t, whole, out.String())
		if secret != "" && !strings.ContainsAny(secret, "*") {
			for _, form := range []string{secret, url.QueryEscape(secret)} {
				// The mask itself may complete a secret out of what is around it only if the
				// secret has stars.
				require.NotContains(t, out.String(), form)
			}
		}
	})
}
