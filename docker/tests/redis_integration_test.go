//go:build integration

package dockertest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type redis struct {
	t    testing.TB
	c    string
	data string // volume
}

func redisOptions(secretVolume, dataVolume string, more ...string) []string {
	return append([]string{"--env", "REDIS_PASSWORD_FILE=/run/secrets/redis_password",
		"--volume", secretVolume + ":/run/secrets:ro", "--volume", dataVolume + ":/data"}, more...)
}

func startRedis(t testing.TB, more ...string) redis {
	t.Helper()
	data := volume(t)
	c := start(t, imageRef(t, "redis"), redisOptions(secret(t, "redis_password", hardPassword), data, more...), nil)
	healthy(t, c)
	return redis{t, c, data}
}

// cli runs redis-cli with the real password, over TCP.
func (r redis) cli(args ...string) string {
	r.t.Helper()
	script := `export REDISCLI_AUTH="$(cat /run/secrets/redis_password)"; exec redis-cli -e -h 127.0.0.1 "$@"`
	return docker(r.t, append([]string{"exec", r.c, "sh", "-c", script, "sh"}, args...)...)
}

func TestRedisKeepsItsPasswordToItself(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	assert.Equal(t, "PONG", r.cli("PING"))
	assert.Empty(t, leaks(t, r.c, hardPassword))
	assert.Equal(t, "requirepass", r.cli("CONFIG", "GET", "requirepass"), "with an empty value")

	_, err := tryDocker("", "exec", r.c, "redis-cli", "-e", "-h", "127.0.0.1", "GET", "x")
	require.ErrorContains(t, err, "NOAUTH")
	_, err = tryDocker("", "exec", "--env", "REDISCLI_AUTH=wrong", r.c, "redis-cli", "-e", "-h", "127.0.0.1", "GET", "x")
	require.ErrorContains(t, err, "AUTH failed")
	for _, dangerous := range [][]string{{"DEBUG", "SLEEP", "0"}, {"MODULE", "LOAD", "/tmp/x.so"}, {"CONFIG", "SET", "dir", "/tmp"}} {
		_, err := tryDocker("", append([]string{"exec", r.c, "sh", "-c",
			`export REDISCLI_AUTH="$(cat /run/secrets/redis_password)"; exec redis-cli -e "$@"`, "sh"}, dangerous...)...)
		assert.Error(t, err, "%v", dangerous)
	}
}

func TestRedisSurvivesAKill(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	r.cli("SET", "kept", "yes")
	assert.Equal(t, "1\n0", r.cli("WAITAOF", "1", "0", "5000"), "on disk")
	docker(t, "kill", r.c)
	docker(t, "start", r.c)
	healthy(t, r.c)
	assert.Equal(t, "yes", r.cli("GET", "kept"))

	// A stop is clean and quick, also with a client that stays.
	r.cli("SET", "last", "word")
	docker(t, "stop", "--time", "20", r.c)
	assert.Equal(t, "0", docker(t, "inspect", "--format", "{{.State.ExitCode}}", r.c))
	docker(t, "start", r.c)
	healthy(t, r.c)
	assert.Equal(t, "word", r.cli("GET", "last"))
}

// A secret that keeps the host's owner and mode cannot be read by a service that is
// not root (docker/compose 12362, 13287): the refusal names file, owner and uid.
func TestRedisRefusesClearly(t *testing.T) {
	t.Parallel()
	image, data := imageRef(t, "redis"), volume(t)
	rooted := volume(t)
	write(t, rooted, file{name: "redis_password", content: "x", root: true})
	said := refused(t, image, redisOptions(rooted, data), nil)
	assert.Contains(t, said, "/run/secrets/redis_password (owner uid 0, mode 400) cannot be read by uid 999")

	empty := volume(t)
	write(t, empty, file{name: "redis_password"})
	assert.Contains(t, refused(t, image, redisOptions(empty, data), nil), "is empty")
	assert.Contains(t, refused(t, image, redisOptions(volume(t), data), nil), "does not exist")
	assert.Contains(t, refused(t, image, nil, nil), "/data is read-only; mount a volume there")
	assert.Contains(t, refused(t, image, []string{"--volume", data + ":/data"}, nil), "no password: set REDIS_PASSWORD_FILE")

	good := secret(t, "redis_password", "x")
	assert.Contains(t, refused(t, image, redisOptions(good, data, "--env", "REDIS_MAXMEMORY=1mb\nrequirepass x"), nil), "REDIS_MAXMEMORY is")
	assert.Contains(t, refused(t, image, redisOptions(good, data, "--env", "REDIS_MAXMEMORY_POLICY=lru"), nil), "REDIS_MAXMEMORY_POLICY is 'lru'")

	foreign := volume(t)
	write(t, foreign, file{name: "x"}) // leaves the folder to root
	assert.Contains(t, refused(t, image, redisOptions(good, foreign), nil), "/data belongs to uid 0")
}
