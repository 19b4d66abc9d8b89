package stack

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/compose"
	"drydock/internal/engine"
)

func TestHalfStopped(t *testing.T) {
	in := func(id, release string, state engine.State) engine.Container {
		return engine.Container{ID: id, State: state, Labels: map[string]string{compose.LabelRelease: release}}
	}
	for what, c := range map[string]struct {
		apps []engine.Container
		want []string
	}{
		"nothing waits":               {nil, nil},
		"all of it runs":              {[]engine.Container{in("a", "1", engine.Running), in("b", "1", engine.Running)}, nil},
		"one was stopped":             {[]engine.Container{in("a", "1", engine.Running), in("b", "1", engine.Exited), in("c", "1", engine.Paused)}, []string{"b", "c"}},
		"one comes again by itself":   {[]engine.Container{in("a", "1", engine.Running), in("b", "1", engine.Restarting)}, nil},
		"all of it was stopped":       {[]engine.Container{in("a", "1", engine.Exited), in("b", "1", engine.Exited)}, nil},
		"what was stopped is another": {[]engine.Container{in("a", "1", engine.Running), in("b", "2", engine.Exited)}, nil},
	} {
		var got []string
		for _, one := range halfStopped(c.apps) {
			got = append(got, one.ID)
		}
		assert.Equal(t, c.want, got, what)
	}
}
