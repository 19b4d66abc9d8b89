package recovery

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/stack"
)

// A restore that has worked names what fits the data, and not the way back from the data.
func TestAfterARestoreTheFittingAppsAreNamed(t *testing.T) {
	r := &Recovery{Stack: &stack.Stack{Settings: &env.Settings{Project: "shop", Env: "prod", Mode: env.Prod}}}
	made := engine.Container{Labels: map[string]string{"com.docker.compose.service": "backend"}}
	released := engine.Container{Labels: map[string]string{"com.docker.compose.service": "backend", compose.LabelRelease: "1"}}
	assert.Equal(t, "if the release is of another time than the data: go tool mage deploy:rollback (the kept ones: go tool mage deploy:status), or go tool mage deploy:prod from the commit that fits",
		r.fitting([]engine.Container{made, released}))
	assert.Equal(t, "if they are of another time than the data, start those that fit: ENV=prod go tool mage up", r.fitting([]engine.Container{made}))
	assert.Equal(t, "BACKUP=shop-db-before-1 REPLACE=1 ENV=prod go tool mage backup:restore", r.back("shop-db-before-1"))
}
