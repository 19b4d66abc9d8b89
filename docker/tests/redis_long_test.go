//go:build integration && long

package dockertest

import (
	"strings"
	"testing"

	"drydock/internal/testkit"

	"github.com/stretchr/testify/assert"
)

func TestRedisSizesItselfByTheContainer(t *testing.T) {
	t.Parallel()
	r := startRedis(t, "--memory", "64m")
	assert.Equal(t, "maxmemory\n40265318", r.cli("CONFIG", "GET", "maxmemory"), "60 % of the limit")
	assert.Equal(t, "maxmemory-policy\nallkeys-lru", r.cli("CONFIG", "GET", "maxmemory-policy"))
	// Four times what fits: the oldest goes, no write fails, and the container lives.
	r.cli("-r", "1600", "EVAL", `redis.call('SET', 'k' .. redis.call('INCR', 'n'), string.rep('x', 100000))`, "0")
	assert.Equal(t, "OK", r.cli("SET", "last", "1"))
	assert.Equal(t, "1", r.cli("GET", "last"))
	assert.Equal(t, "0", docker(t, "inspect", "--format", "{{.RestartCount}}", r.c))

	explicit := startRedis(t, "--env", "REDIS_MAXMEMORY=100mb", "--env", "REDIS_MAXMEMORY_POLICY=noeviction")
	assert.Equal(t, "maxmemory\n104857600", explicit.cli("CONFIG", "GET", "maxmemory"))
	assert.Equal(t, "maxmemory-policy\nnoeviction", explicit.cli("CONFIG", "GET", "maxmemory-policy"))
}

func TestRedisRunsOtherCommandsAndOptions(t *testing.T) {
	t.Parallel()
	assert.True(t, strings.HasPrefix(docker(t, append(append([]string{"run", "--rm"}, testkit.LabelOptions(t)...), imageRef(t, "redis"), "redis-cli", "--version")...), "redis-cli 8."))
	c := start(t, imageRef(t, "redis"), redisOptions(secret(t, "redis_password", hardPassword), volume(t)),
		[]string{"--maxclients", "77"})
	healthy(t, c)
	assert.Equal(t, "maxclients\n77", redis{t: t, c: c}.cli("CONFIG", "GET", "maxclients"))
}

func TestRedisHealthSeesANewSecret(t *testing.T) {
	t.Parallel()
	secrets := secret(t, "redis_password", hardPassword)
	c := start(t, imageRef(t, "redis"), redisOptions(secrets, volume(t)), nil)
	healthy(t, c)
	write(t, secrets, file{name: "redis_password", content: "another one"})
	waitHealth(t, c, "unhealthy")
	assert.Contains(t, lastHealthOutput(t, c), "AUTH failed")
	// A restart takes the new one.
	docker(t, "restart", c)
	healthy(t, c)
}
