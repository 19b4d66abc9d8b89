package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drydock/internal/alarm"
	"drydock/internal/notify"
	"drydock/internal/report"
	"drydock/internal/stack"
)

// Keys of alarms; a service's is "service " and its name.
const (
	keyEngine      = "engine"
	keyCertificate = "certificate"
)

// engineAway is that nothing at all can be seen.
func (w *Watch) engineAway(err error) alarm.State {
	return alarm.State{
		Key: keyEngine, Kind: "engine", Event: notify.ServiceFailed, On: true, After: w.Settings.Alarms.After,
		Text: "the engine cannot be asked: " + err.Error(), Next: "systemctl status docker",
	}
}

// serviceStates says of each service whether it is well: its containers are there, healthy, and
// not started again and again. The counts are those of restarts within the hour, by container.
// It is pure.
func serviceStates(list []stack.Status, counts map[string]int, after time.Duration) (states []alarm.State) {
	var names []string
	bad := map[string][]string{}
	looping := map[string]bool{}
	for _, s := range list {
		if !slices.Contains(names, s.Service) {
			names = append(names, s.Service)
		}
		name := s.Container
		if name == "" {
			name = s.Service
		}
		switch n := counts[s.Container]; {
		case n >= restartsMany:
			bad[s.Service] = append(bad[s.Service], fmt.Sprintf("%s was started again %d times within the hour", name, n))
			looping[s.Service] = true
		case !s.Good():
			what := s.State
			if s.State == "running" {
				what = s.Health
			}
			if s.Detail != "" {
				what += " (" + s.Detail + ")"
			}
			bad[s.Service] = append(bad[s.Service], name+" is "+what)
		}
	}
	for _, name := range names {
		a := alarm.State{Key: "service " + name, Kind: name, Event: notify.ServiceFailed, On: len(bad[name]) > 0, After: after,
			Text: strings.Join(bad[name], "; "), Next: "SERVICE=" + name + " SINCE=30m go tool mage logs"}
		if looping[name] {
			a.After = 0 // it has lasted already
		}
		states = append(states, a)
	}
	return states
}

// certificateState says whether something is wrong with the certificate. It is pure.
func certificateState(c *report.Certificate, now time.Time) alarm.State {
	wrong := c.Problems(now)
	return alarm.State{Key: keyCertificate, Kind: c.Source, Event: notify.CertificateFailed, On: len(wrong) > 0,
		Text: strings.Join(wrong, "; "), Next: "go tool mage nginx:status"}
}
