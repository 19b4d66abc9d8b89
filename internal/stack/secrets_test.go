package stack

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/run"
)

func TestSecretsVolumeIsNamedByContent(t *testing.T) {
	set := identity{UID: 999, GID: 999, Known: true}.set("db", map[string]string{"db_password": "one"})
	name := set.volume("shop")
	assert.Regexp(t, `^shop-db-secrets-[0-9a-f]{12}$`, name)
	assert.Equal(t, name, set.volume("shop"))
	assert.NotEqual(t, name[len("shop"):], set.volume("shop2")[len("shop2"):], "equal secrets of two projects must not show as equal")

	other := set
	other.Files = map[string]string{"db_password": "two"}
	assert.NotEqual(t, name, other.volume("shop"))
	other = set
	other.UID = 1000
	assert.NotEqual(t, name, other.volume("shop"), "another owner needs another volume")
	// Where one value ends and the next name begins must be certain.
	a := secretSet{Service: "x", Files: map[string]string{"a": "1\n\"b\"=\"2\""}}
	b := secretSet{Service: "x", Files: map[string]string{"a": "1", "b": "2"}}
	assert.NotEqual(t, a.volume("p"), b.volume("p"))
}

func TestSecretsBelongToWhoReadsThem(t *testing.T) {
	for user, want := range map[string]engine.File{
		"10001:10002": {Name: "key", Mode: 0o400, UID: 10001, GID: 10002},
		"10001":       {Name: "key", Mode: 0o400, UID: 10001},
		"":            {Name: "key", Mode: 0o400},
		"root":        {Name: "key", Mode: 0o400},
		"node":        {Name: "key", Mode: 0o444}, // only its /etc/passwd knows the number
	} {
		files := parseUser(user).set("app", map[string]string{"key": "v"}).archive()
		require.Len(t, files, 2)
		want.Data = []byte("v")
		assert.Equal(t, want, files[1], "user %q", user)
	}
}

func TestURLsCarryEveryPassword(t *testing.T) {
	const password = `pass__$85858#'x %:@\/?&"`
	text := databaseURL(env.Database{User: "my user", Name: "a/b c", Password: password})
	u, err := url.Parse(text)
	require.NoError(t, err, text)
	got, _ := u.User.Password()
	assert.Equal(t, password, got)
	assert.Equal(t, "my user", u.User.Username())
	assert.Equal(t, "/a/b c", u.Path)
	assert.Contains(t, text, "/a%2Fb%20c?")
}

func TestScramVerifier(t *testing.T) {
	// The example of RFC 7677, section 3, as PostgreSQL stores it.
	got, err := scramVerifier("pencil", []byte{0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81})
	require.NoError(t, err)
	assert.Equal(t, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", got)
}

// The backup service gets the proxy on its way to the webhook as a secret: it may hold a password.
// One of this machine's loopback that was meant for builds is none of its.
func TestTheServicesProxy(t *testing.T) {
	for name, c := range map[string]struct{ own, builds, want string }{
		"of builds":             {"", "http://u:pass@proxy:3128", "http://u:pass@proxy:3128"},
		"of builds, loopback":   {"", "http://127.0.0.1:3128", ""},
		"of builds, localhost":  {"", "http://localhost:3128", ""},
		"its own":               {"http://proxy:1", "http://127.0.0.1:3128", "http://proxy:1"},
		"its own, none":         {"none", "http://proxy:3128", ""},
		"its own is believed":   {"http://127.0.0.1:1", "", "http://127.0.0.1:1"},
		"of builds, IPv6's own": {"", "http://[::1]:3128", ""},
	} {
		s := &env.Settings{Build: env.Build{WebhookProxy: c.own, HTTPSProxy: c.builds}}
		s.Backup.Webhook = "https://hooks.example/x"
		assert.Equal(t, c.want, serviceProxy(s), name)
	}
}

func TestACAThatIsNotThereIsBadInput(t *testing.T) {
	s := &Stack{Settings: &env.Settings{}}
	s.Settings.Backup.Physical.S3.CA = "/nowhere/ca.pem"
	_, err := s.storageCA()
	assert.ErrorContains(t, err, "reading BACKUP_S3_CA: open /nowhere/ca.pem: ")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}
