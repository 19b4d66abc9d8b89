package stack

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
)

// One name for two checkouts, or two environments, must not cost the other one's data.
func TestDataOfSomebodyElse(t *testing.T) {
	with := func(folder, environment string) []engine.Container {
		return []engine.Container{{Labels: map[string]string{}}, {Labels: map[string]string{labelFolder: folder, LabelEnv: environment}}}
	}
	assert.Empty(t, stranger(nil, "/a/compose", "dev"))
	assert.Empty(t, stranger(with("/a/compose", "dev"), "/a/compose", "dev"))
	assert.Equal(t, "it was started from /b/compose, and this is /a/compose", stranger(with("/b/compose", "dev"), "/a/compose", "dev"))
	assert.Equal(t, "it was started as environment prod, and this is dev", stranger(with("/a/compose", "prod"), "/a/compose", "dev"))
}
