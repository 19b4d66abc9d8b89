package stack

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
)

func TestServing(t *testing.T) {
	c := func(name, project string, s engine.State) engine.Container {
		return engine.Container{Name: name, State: s, Labels: map[string]string{"com.docker.compose.project": project}}
	}
	names := func(list ...engine.Container) (out []string) {
		for _, c := range serving("shop", list) {
			out = append(out, c.Name)
		}
		return out
	}
	db := c("db", "shop", engine.Exited)
	lock := engine.Container{Name: "shop-deploy", State: engine.Running}
	drill := engine.Container{Name: "shop-drill-lock", State: engine.Running}
	green := c("green", "shop-green", engine.Running)
	assert.Equal(t, []string{"db", "green"}, names(db, c("blue", "shop-blue", engine.Exited), green, lock, drill), "a stopped colour beside one that runs")
	assert.Equal(t, []string{"blue", "green"}, names(c("blue", "shop-blue", engine.Running), green), "a warm one")
	assert.Equal(t, []string{"blue-1", "blue-2", "green"}, names(c("blue-1", "shop-blue", engine.Running), c("blue-2", "shop-blue", engine.Exited), green), "half of a warm one is a fault")
	assert.Equal(t, []string{"blue"}, names(c("blue", "shop-blue", engine.Exited)), "the only one")
}
