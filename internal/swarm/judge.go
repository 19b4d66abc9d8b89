package swarm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"drydock/internal/engine"
)

// Verdict is how an update of a service stands.
type Verdict int

// The verdicts.
const (
	Waiting  Verdict = iota // it goes on
	Arrived                 // every task is the new one, and was watched
	Returned                // Swarm took it back, all the way
	Stuck                   // Swarm gave up half-way
)

// Judge looks at a service whose containers are to have a hash (LabelHash). nodes is how many
// a global service has to be on.
func Judge(s engine.Service, tasks []engine.Task, hash string, nodes int) Verdict {
	want := s.Replicas
	if s.Global {
		want = nodes
	}
	running, other, complete := 0, 0, 0
	for _, t := range tasks {
		mine := t.Labels[LabelHash] == hash
		switch {
		case t.State == "complete" && mine:
			complete++
		case t.State == "running" && mine && t.Wanted:
			running++
		case t.Wanted && !mine:
			other++
		}
	}
	switch s.Update {
	case "rollback_completed":
		return Returned
	case "paused", "rollback_paused":
		return Stuck
	case "updating", "rollback_started":
		return Waiting // watched until it is complete
	}
	if s.Job && complete >= want || !s.Job && running >= want && other == 0 {
		return Arrived
	}
	return Waiting
}

// Why is what the newest failed tasks said: one line for each kind of failure.
func Why(s engine.Service, tasks []engine.Task, hash string) string {
	var own []engine.Task
	for _, t := range tasks {
		if hash != "" && t.Labels[LabelHash] != hash {
			continue
		}
		if t.State == "complete" && !s.Job {
			// A container that is told to end because it is unhealthy and does so with 0 is
			// a success to Swarm.
			t.Error = "it ended by itself, or was ended as unhealthy; its log: docker service logs " + s.Name
		}
		if t.Error != "" {
			own = append(own, t)
		}
	}
	slices.SortFunc(own, func(a, b engine.Task) int { return b.Since.Compare(a.Since) })
	var lines []string
	for _, t := range own {
		line := fmt.Sprintf("%s: %s", t.State, strings.TrimSpace(t.Error))
		if !slices.Contains(lines, line) && len(lines) < 3 {
			lines = append(lines, line)
		}
	}
	return cmp.Or(strings.Join(lines, "; "), s.Message, "none of its tasks says why")
}
