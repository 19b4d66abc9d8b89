package deploy

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
	"drydock/internal/swarm"
)

// What serves and what a rollback would need stays; so does what is not ours.
func TestOldSecretsOfASwarm(t *testing.T) {
	secret := func(name string) engine.SwarmSecret { return engine.SwarmSecret{ID: "id-" + name, Name: name} }
	have := []engine.SwarmSecret{
		secret("shop-db-old"), secret("shop-db-now"), secret("shop-backend-older"), secret("shop-backend-before"), secret("shop-backend-now"),
		secret("shop-gateway-new"), secret("mine"), secret("shop-db-lent"),
	}
	services := []engine.Service{
		{Name: "shop_db", Secrets: []string{"shop-db-now", "shop-db-now"}},
		{Name: "shop_backend", Secrets: []string{"shop-backend-now", "shop-backend-before"}},
		{Name: "other_thing", Secrets: []string{"shop-db-lent"}},
	}
	now := map[string][]swarm.Secret{"gateway": {{Name: "shop-gateway-new"}}}
	assert.Equal(t, []engine.SwarmSecret{secret("shop-backend-older"), secret("shop-db-old")}, oldSecrets("shop", have, services, now))
	assert.Empty(t, oldSecrets("shop", nil, services, now))
}
