package compose

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestUpIsTold(t *testing.T) {
	for want, o := range map[string]UpOptions{
		"up --detach --wait --remove-orphans --no-build --pull never":                                          {},
		"up --detach --wait --remove-orphans --no-build --pull never --wait-timeout 60 --no-recreate db redis": {Services: []string{"db", "redis"}, Timeout: time.Minute, Keep: true},
		"up --detach --remove-orphans --no-build --pull never --no-recreate":                                   {Keep: true, NoWait: true},
		"up --detach --remove-orphans --no-build --pull never backend":                                         {Services: []string{"backend"}, NoWait: true, Timeout: time.Minute},
	} {
		assert.Equal(t, want, strings.Join(o.args(), " "))
	}
}
