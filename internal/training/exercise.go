package training

import (
	"context"
	"fmt"
	"strings"

	"drydock/internal/run"
)

// Exercise is one thing that can be broken.
type Exercise struct {
	Name  string `json:"name"`
	Story string `json:"story"` // what a user, an alarm or a colleague says
	Hint  string `json:"-"`     // where to look, not what to do

	// prepare says what is missing for this exercise, and makes what it needs.
	prepare func(context.Context, *scene) error
	harm    func(context.Context, *scene) error
	// check returns what is still wrong, as symptoms; none when it is mended.
	check func(context.Context, *scene) ([]string, error)
	// before undoes what would keep the stack from starting, and needs nothing that runs.
	before func(context.Context, *scene) error
	// undo puts the rest right, whatever the trainee did, as often as it is called. The
	// stack runs by then.
	undo func(context.Context, *scene) error
}

// Exercises are all there are, the easy ones first.
func Exercises() []Exercise {
	return []Exercise{
		backendStopped(), backendHangs(), nginxBroken(), lockHeld(),
		rowDeleted(), tableDropped(), archiveStuck(), backupDamaged(),
	}
}

// find is the exercise of that name.
func find(list []Exercise, name string) (Exercise, error) {
	var names []string
	for _, e := range list {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Exercise{}, run.WithCode(run.CodeBadInput, fmt.Errorf("looking for the exercise %q: there is none of that name; there are: %s", name, strings.Join(names, ", ")))
}
