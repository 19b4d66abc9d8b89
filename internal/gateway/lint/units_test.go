package lint

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSizesAndTimes(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "512": 512, "8k": 8 << 10, "10M": 10 << 20, "1g": 1 << 30, "$x": -1, "": -1, "99999999999g": -1} {
		assert.Equal(t, want, parseSize(in), in)
	}
	assert.Equal(t, "10m", showSize(10<<20))
	assert.Equal(t, "1500", showSize(1500))
	for in, want := range map[string]time.Duration{"30": 30 * time.Second, "30s": 30 * time.Second, "500ms": 500 * time.Millisecond,
		"1m": time.Minute, "1m30s": 90 * time.Second, "1h 5m": 65 * time.Minute, "2d": 48 * time.Hour, "x": 0, "5q": 0} {
		assert.Equal(t, want, parseTime(in), in)
	}
}

func TestNestedRepetitions(t *testing.T) {
	for _, p := range []string{`(a+)+`, `(a*)*b`, `^(?:\w+)*$`, `(\w+\s?)+`, `(.*,)+`, `(a+|b)+x`, `([a-z]+[0-9]?)+`, `(?:/[^.]*)*\.php`} {
		assert.True(t, nested(p), p)
	}
	for _, p := range []string{`a+b+`, `([a-z]+/)+`, `(/[a-z]+)*`, `(\d+\.){3}\d+`, `^/(?!x)a+`, `(.+?\.php)(/.*)?`, `[a-z]+(?:-[a-z]+)*`, `(?>a+)+`, `(`} {
		assert.False(t, nested(p), p)
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`^/api`, `^/api/v2/`, true},
		{`^/api/`, `^/api`, false},
		{`^/api$`, `^/api/v2`, false},
		{`\.(js|css)$`, `\.js$`, true},
		{`\.js$`, `\.(js|css)$`, false},
		{`\.js$`, `\.min\.js$`, true},
		{`\.(?:png|jpe?g)$`, `\.jpeg$`, true},
		{`^/`, `\.php$`, true},
		{`^/a`, `^/b|^/ab`, false},
		{`/x`, `^/x`, false},
	} {
		assert.Equal(t, c.want, covers(c.a, c.b, false), "%s before %s", c.a, c.b)
	}
}

func TestCapturesOfLineBreaks(t *testing.T) {
	assert.True(t, captures(`^/([^/]+)$`, "1"))
	assert.True(t, captures(`^/(?<x>\W*)$`, "x"))
	assert.True(t, captures(`(?s)^/(.*)$`, "1"))
	assert.False(t, captures(`^/(.*)$`, "1"))
	assert.False(t, captures(`^/([\w-]+)/([^/]+)$`, "1"))
	assert.True(t, captures(`^/([\w-]+)/([^/]+)$`, "2"))
}
