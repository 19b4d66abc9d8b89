package swarm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"drydock/internal/engine"
)

func TestJudge(t *testing.T) {
	task := func(hash, state string, wanted bool) engine.Task {
		return engine.Task{Labels: map[string]string{LabelHash: hash}, State: state, Wanted: wanted}
	}
	both := []engine.Task{task("new", "running", true), task("new", "running", true)}
	for name, c := range map[string]struct {
		s     engine.Service
		tasks []engine.Task
		nodes int
		want  Verdict
	}{
		"all new":                         {engine.Service{Replicas: 2}, both, 0, Arrived},
		"all new and watched":             {engine.Service{Replicas: 2, Update: "completed"}, both, 0, Arrived},
		"all new, being watched":          {engine.Service{Replicas: 2, Update: "updating"}, both, 0, Waiting},
		"one is missing":                  {engine.Service{Replicas: 3}, both, 0, Waiting},
		"an old one is there":             {engine.Service{Replicas: 2}, append(both, task("old", "running", true)), 0, Waiting},
		"an old one ends":                 {engine.Service{Replicas: 2}, append(both, task("old", "running", false)), 0, Arrived},
		"one is not ready":                {engine.Service{Replicas: 1}, []engine.Task{task("new", "starting", true)}, 0, Waiting},
		"only old ones":                   {engine.Service{Replicas: 1}, []engine.Task{task("old", "running", true)}, 0, Waiting},
		"on every node":                   {engine.Service{Global: true}, both, 2, Arrived},
		"not on every node":               {engine.Service{Global: true}, both, 3, Waiting},
		"a job has ended":                 {engine.Service{Job: true, Replicas: 1}, []engine.Task{task("new", "complete", true)}, 0, Arrived},
		"a job runs":                      {engine.Service{Job: true, Replicas: 1}, []engine.Task{task("new", "running", true)}, 0, Waiting},
		"Swarm goes back":                 {engine.Service{Replicas: 1, Update: "rollback_started"}, both, 0, Waiting},
		"Swarm went back":                 {engine.Service{Replicas: 1, Update: "rollback_completed"}, both, 0, Returned},
		"Swarm gave up":                   {engine.Service{Replicas: 1, Update: "paused"}, both, 0, Stuck},
		"Swarm gave up while it was back": {engine.Service{Replicas: 1, Update: "rollback_paused"}, both, 0, Stuck},
	} {
		assert.Equal(t, c.want, Judge(c.s, c.tasks, "new", c.nodes), name)
	}
}

func TestWhySaysWhatTheNewestTasksSaid(t *testing.T) {
	at := func(n int, hash, state, text string) engine.Task {
		return engine.Task{Labels: map[string]string{LabelHash: hash}, State: state, Error: text, Since: time.Unix(int64(n), 0)}
	}
	s := engine.Service{Name: "shop_web", Message: "rollback completed"}
	assert.Equal(t, "failed: second; failed: first", Why(s, []engine.Task{
		at(1, "new", "failed", "first"), at(2, "new", "failed", "second"), at(3, "new", "failed", "second"), at(4, "old", "failed", "other"),
	}, "new"))
	assert.Contains(t, Why(s, []engine.Task{at(1, "new", "complete", "")}, "new"), "unhealthy")
	assert.Equal(t, "rollback completed", Why(s, nil, "new"))
	assert.Equal(t, "none of its tasks says why", Why(engine.Service{}, nil, ""))
}
