package env

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheProxyOnTheWayToAWebhook(t *testing.T) {
	for name, c := range map[string]struct {
		proxy, http, https, no, hook, want string
	}{
		"none":                         {hook: "https://hooks.example/x", want: ""},
		"the one of https":             {http: "http://a:1", https: "http://b:2", hook: "https://hooks.example/x", want: "http://b:2"},
		"the one of http":              {http: "http://a:1", https: "http://b:2", hook: "http://hooks.example/x", want: "http://a:1"},
		"its own":                      {proxy: "http://u:secret@c:3", https: "http://b:2", hook: "https://hooks.example/x", want: "http://u:secret@c:3"},
		"its own, for http":            {proxy: "http://c:3", hook: "http://hooks.example/x", want: "http://c:3"},
		"directly by wish":             {proxy: "none", https: "http://b:2", hook: "https://hooks.example/x", want: ""},
		"a host without":               {https: "http://b:2", no: "hooks.example", hook: "https://hooks.example/x", want: ""},
		"a domain without, its own":    {proxy: "http://c:3", no: ".example, 10.0.0.0/8", hook: "https://hooks.example/x", want: ""},
		"a network without":            {https: "http://b:2", no: "10.0.0.0/8", hook: "https://10.1.2.3/x", want: ""},
		"this machine needs none ever": {proxy: "http://c:3", hook: "http://127.0.0.1:9/x", want: ""},
		"no webhook":                   {proxy: "http://c:3", want: ""},
	} {
		s := &Settings{Build: Build{WebhookProxy: c.proxy, HTTPProxy: c.http, HTTPSProxy: c.https, NoProxy: c.no}}
		got, err := s.WebhookProxy(Secret(c.hook))
		require.NoError(t, err, name)
		if c.want == "" {
			assert.Nil(t, got, name)
		} else if assert.NotNil(t, got, name) {
			assert.Equal(t, c.want, got.String(), name)
		}
	}
	assert.NotContains(t, fmt.Sprintf("%+v", Build{WebhookProxy: "http://u:secret@c:3"}), "secret")
}
