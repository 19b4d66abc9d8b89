package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"drydock/internal/engine"
	"drydock/internal/gateway/render"
	"drydock/internal/run"
)

// Live is a running gateway. It is spoken to by its own program inside its container, so
// the engine is all that is needed, on this machine or another.
type Live struct {
	Engine    *engine.Client
	Container string // id
	Turn      string // in which changes are made; "" is none (see Live.TakeTurn)
}

// State is what a running gateway says about itself (`gateway state --json`), as far as
// it is used here.
type State struct {
	Generation  int           `json:"generation"`
	Active      render.Colour `json:"active"`
	Assumed     bool          `json:"assumed"` // nobody has said that it is live; false from a gateway that does not say
	Maintenance bool          `json:"maintenance"`
	Pools       []PoolState   `json:"pools"`
	Canary      *struct {
		Colour  render.Colour `json:"colour"`
		Percent int           `json:"percent"`
	} `json:"canary"`
}

// PoolState is one pool of State.
type PoolState struct {
	Name    string `json:"name"` // backend-blue, ...
	Mode    string `json:"mode"` // healthy, fail-open, empty
	Members []struct {
		Addr    string `json:"addr"`
		Healthy bool   `json:"healthy"`
		Error   string `json:"error"` // what the last bad probe said
		// Told is whether nginx has heard of it; nil from a gateway that does not say.
		Told *bool `json:"told"`
	} `json:"members"`
}

// Exit codes of the gateway's program (cmd/gateway).
const (
	codeUsage       = 64
	codeUnavailable = 69
	codeRefused     = 75
	codeConfig      = 78
)

// ErrNotRunning says that there is no gateway to speak to.
var ErrNotRunning = errors.New("the gateway is not running")

// Live finds the running gateway of the environment.
func (g *Gateway) Live(ctx context.Context) (*Live, error) {
	list, err := g.Engine.Containers(ctx, engine.OfService(g.Settings.Project, "gateway", engine.Running))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("looking for the gateway of %s: %w; start it: %s", g.Settings.Project, ErrNotRunning, g.command("up"))
	}
	return &Live{Engine: g.Engine, Container: list[0].ID, Turn: g.Turn}, nil
}

func (g *Gateway) command(target string) string {
	if g.Settings.Env == "dev" {
		return "go tool mage " + target
	}
	return "ENV=" + g.Settings.Env + " go tool mage " + target
}

// call runs the gateway's program with a verb. Its exit codes become ours.
func (l *Live) call(ctx context.Context, in io.Reader, args ...string) (string, error) {
	var out, errs bytes.Buffer
	err := l.Engine.Exec(ctx, l.Container, engine.Command{
		Cmd: append([]string{"gateway"}, args...), Streams: engine.Streams{In: in, Out: &out, Err: &errs},
		Env: l.environ(),
	})
	var exit *engine.ExitError
	if !errors.As(err, &exit) {
		return out.String(), err
	}
	said := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(errs.String()), "gateway: "))
	err = fmt.Errorf("gateway %s: %s", args[0], said)
	switch exit.Code {
	case codeUsage, codeConfig:
		err = run.WithCode(run.CodeBadInput, err)
	case codeRefused:
		err = run.WithCode(run.CodeBusy, err)
	case codeUnavailable:
		err = fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	return out.String(), err
}

func (l *Live) environ() []string {
	if l.Turn == "" {
		return nil
	}
	return []string{"GATEWAY_TURN=" + l.Turn}
}

// TakeTurn takes over: what others have asked of the gateway before is done or refused when it
// returns, and refused from then on. Killing a process does not stop the command that it has
// sent into the gateway's container, so whoever goes on after it needs this. "" is the answer
// of a gateway that is too old to know of turns.
func (l *Live) TakeTurn(ctx context.Context) (string, error) {
	out, err := l.call(ctx, nil, "turn")
	if err != nil && run.Code(err) == run.CodeBadInput {
		return "", nil
	}
	return strings.TrimSpace(out), err
}

// State asks how it is.
func (l *Live) State(ctx context.Context) (State, error) {
	text, err := l.call(ctx, nil, "state", "--json")
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return State{}, fmt.Errorf("reading the gateway's state: %w", err)
	}
	return s, nil
}

// Switch makes a colour the active one: one generation, confirmed by nginx, for both apps.
func (l *Live) Switch(ctx context.Context, c render.Colour) (string, error) {
	return l.call(ctx, nil, "switch", string(c))
}

// Tell says which colour is live, to a gateway that has lost it: also when nobody is there yet.
func (l *Live) Tell(ctx context.Context, c render.Colour) error {
	_, err := l.call(ctx, nil, "switch", string(c), "--force")
	return err
}

// StateFile is where a gateway keeps its state, in the volume <PROJECT>-gateway.
const StateFile = "state.json"

// WrittenColour reads from it which colour was live last; "" when it does not say.
func WrittenColour(state []byte) render.Colour {
	var s State
	if json.Unmarshal(state, &s) != nil || s.Assumed || !s.Active.Valid() {
		return ""
	}
	return s.Active
}

// Load makes a configuration live. Whatever goes wrong, what served before goes on.
func (l *Live) Load(ctx context.Context, t Tree) (string, error) {
	archive, err := engine.Tar(t.entries("", 0o644)...)
	if err != nil {
		return "", err
	}
	return l.call(ctx, archive, "load")
}
