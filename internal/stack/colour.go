package stack

import (
	"context"
	"fmt"

	"drydock/internal/compose"
	"drydock/internal/gateway"
)

// liveColour asks the running gateway whose containers get the requests.
func (s *Stack) liveColour(ctx context.Context) (compose.Colour, error) {
	c, err := s.container(ctx, "gateway")
	if err != nil {
		return "", err
	}
	state, err := (&gateway.Live{Engine: s.Engine, Container: c.ID}).State(ctx)
	if err != nil {
		return "", fmt.Errorf("asking the gateway of %s which colour is live: %w", s.Settings.Project, err)
	}
	return compose.Colour(state.Active), nil
}
