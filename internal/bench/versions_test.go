package bench

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

func TestVersionIn(t *testing.T) {
	for said, want := range map[string]string{
		"go1.26.1\n":  "1.26.1",
		"go1.27rc1\n": "1.27rc1",
		"2.26.1-4\n":  "2.26.1",
		"github.com/docker/buildx v0.31.1 0123abc\n":             "0.31.1",
		"github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3\n":     "0.13.1",
		"nginx version: nginx/1.30.0\n":                          "1.30.0",
		"wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will":  "4.1.0",
		"pg_dump (PostgreSQL) 17.6 (Debian 17.6-0+deb13u1)\n":    "17.6",
		"pg_dump (PostgreSQL) 18beta2\n":                         "18beta2",
		"pgBackRest 2.55.1\n":                                    "2.55.1",
		"Usage: wrk <options> <url>\n  -c, --connections <N>\n":  "",
		"docker: 'compose' is not a docker command.\nSee docker": "",
	} {
		assert.Equal(t, want, versionIn([]byte(said)), said)
	}
}

func TestKernelOf(t *testing.T) {
	for release, want := range map[string]string{"6.1.0-18-amd64": "6.1.0", "6.8.12-builder.3": "6.8.12", "6.1": "6.1", "": ""} {
		assert.Equal(t, want, kernelOf(release), release)
	}
}

// Only the end that is wrk's own passes for an answer.
func TestAVersionThatEndsWithTheUsage(t *testing.T) {
	asked := func(text string, err error) func() ([]byte, error) {
		return usage(func() ([]byte, error) { return []byte(text), err })
	}
	one := &run.Error{Name: "wrk", Code: 1, Err: errors.New("exit status 1")}
	said, err := asked("wrk 4.2.0 [epoll]\nUsage: wrk", one)()
	require.NoError(t, err)
	assert.Equal(t, "4.2.0", versionIn(said))
	_, err = asked("error while loading shared libraries", one)()
	require.ErrorIs(t, err, one)
	_, err = asked("wrk 4.2.0", &run.Error{Name: "wrk", Code: 127, Err: errors.New("exit status 127")})()
	require.Error(t, err)
}
