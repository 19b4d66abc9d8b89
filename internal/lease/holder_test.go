package lease

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
)

func TestHolderOfAContainer(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := Holder{By: "ann", Host: "laptop", Pid: 7, Since: now.Add(-time.Hour), Version: "v1", Kind: "deploy"}
	c := engine.Container{Created: now.Add(-time.Second), State: engine.Created, Labels: want.labels(map[string]string{"a": "b"})}
	assert.Equal(t, "b", c.Labels["a"])
	assert.True(t, HolderOf(c, now).Alive, "about to start")
	c.Created = now.Add(-time.Minute)
	assert.Equal(t, want, HolderOf(c, now), "it never did")
	for state, alive := range map[engine.State]bool{engine.Running: true, engine.Paused: true, engine.Exited: false, engine.Dead: false} {
		c.State = state
		assert.Equal(t, alive, HolderOf(c, now).Alive, state)
	}
	assert.Contains(t, want.String(), "ann on laptop (process 7), deploy of v1 since ")
	want.Version = ""
	assert.Contains(t, want.String(), ", deploy since ", "not everything has a version")
}
