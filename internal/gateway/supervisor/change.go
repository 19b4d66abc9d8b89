package supervisor

import (
	"context"
	"time"

	"drydock/internal/gateway/render"
)

// Server is nginx as the Reloader needs it.
type Server interface {
	Test(ctx context.Context, dir string) error
	Reload() error                               // read the current configuration again
	Generation(ctx context.Context) (int, error) // which one serves
	Workers() ([]Worker, error)
	Terminate(w Worker) error
}

// Change is a wish for another generation.
type Change struct {
	Reason string
	// Edit changes the state that the generation is made from; nil only renders again. An
	// error refuses this change alone.
	Edit func(*State) error
	Turn int64 // whose wish it is, of Reloader.Turn; 0 is nobody's, and always heard
}

// Result says what came of a change.
type Result struct {
	Generation int           `json:"generation"`
	Reason     string        `json:"reason"` // of all changes that the generation includes
	At         time.Time     `json:"at"`     // when it began
	Test       time.Duration `json:"test_ns"`
	Confirm    time.Duration `json:"confirm_ns"` // from the signal until the new workers answered
	Total      time.Duration `json:"total_ns"`
	Error      string        `json:"error,omitempty"`
	Warning    string        `json:"warning,omitempty"` // it serves, and something beside is not well
}

// Pace is how the Reloader takes its time.
type Pace struct {
	Merge   time.Duration // changes that come within it after the first make one generation
	Confirm time.Duration // until the new generation has to answer
	Watch   time.Duration // how long its workers have to live
	Poll    time.Duration
}

func defaultPace(watch time.Duration) Pace {
	return Pace{Merge: 200 * time.Millisecond, Confirm: 10 * time.Second, Watch: watch, Poll: 25 * time.Millisecond}
}

func renderState(s State, certificate bool) render.State {
	return render.State{Generation: s.Generation, Active: s.Active, Canary: render.Canary{Percent: s.Canary}, Certificate: certificate}
}
