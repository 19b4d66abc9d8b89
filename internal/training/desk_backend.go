package training

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/internal/compose"
	"drydock/internal/engine"
)

const (
	stopGrace    = 5 * time.Second
	backendReady = 2 * time.Minute // the dev server compiles
)

func (b *bench) backends(ctx context.Context, states ...engine.State) (list []engine.Container, err error) {
	for _, colour := range []compose.Colour{compose.Blue, compose.Green} {
		some, err := b.Engine.Containers(ctx, engine.OfService(compose.AppProject(b.Settings, colour), "backend", states...))
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

func (b *bench) Backends(ctx context.Context) (ids []string, err error) {
	list, err := b.backends(ctx, engine.Running)
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids, err
}

func (b *bench) StopBackend(ctx context.Context, id string) error {
	return b.Engine.Stop(ctx, id, stopGrace)
}

// FreezeBackend stops every process but the first: the container runs and does nothing,
// which is what a program that hangs looks like. An image without a shell is paused.
func (b *bench) FreezeBackend(ctx context.Context, id string) error {
	_, err := b.Engine.ExecOutput(ctx, id, "sh", "-c", "kill -STOP -1")
	if err == nil || ctx.Err() != nil {
		return err
	}
	return b.Engine.Pause(ctx, id)
}

func (b *bench) ReviveBackend(ctx context.Context, id string) error {
	c, err := b.Engine.Container(ctx, id)
	if errors.Is(err, engine.ErrNotFound) {
		return nil // up makes a new one
	}
	if err != nil {
		return err
	}
	switch c.State {
	case engine.Paused:
		err = b.Engine.Unpause(ctx, id)
	case engine.Exited:
		err = b.Engine.Start(ctx, id)
	case engine.Running:
		// One that was frozen a moment ago is still called healthy.
		_, _ = b.Engine.ExecOutput(ctx, id, "sh", "-c", "kill -CONT -1") // without a shell it was paused
		if c.Health == engine.Unhealthy {
			err = b.Engine.RestartContainer(ctx, id, stopGrace)
		}
	}
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, backendReady)
	defer cancel()
	_, err = b.Engine.WaitHealthy(wait, id)
	return err
}

// BackendsWell looks at what there is: an idle colour may be stopped.
func (b *bench) BackendsWell(ctx context.Context) (string, error) {
	list, err := b.backends(ctx)
	if err != nil {
		return "", err
	}
	well := 0
	for _, c := range list {
		switch {
		case c.State == engine.Running && c.Health != engine.Unhealthy:
			well++
		case c.State == engine.Running, c.State == engine.Paused:
			return fmt.Sprintf("a container of the backend does not answer its health check: %s", c.Name), nil
		}
	}
	if well == 0 {
		return "no container of the backend runs", nil
	}
	return "", nil
}
