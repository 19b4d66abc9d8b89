//go:build integration && long

package gateway_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The number of workers came from the host's processors, under a small memory
// limit (nginx-gateway-fabric 5374).
func TestWorkersFitTheContainer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options []string
		want    int
	}{
		{[]string{"--cpus", "1"}, 1},
		{[]string{"--cpus", "0.3"}, 1},
		{[]string{"--cpus", "1.5"}, 2},
		{[]string{"--cpus", "2", "--memory", "48m"}, 1},
	} {
		s := newSite(t, c.options...)
		assert.Equal(t, c.want, strings.Count(docker(t, "top", s.gateway), "worker process"), "%v", c.options)
		docker(t, "kill", s.gateway) // the next one may have its processor
	}
}
