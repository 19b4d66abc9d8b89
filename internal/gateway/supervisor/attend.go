package supervisor

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// attend waits until it is time to end. nginx may still run then.
func (s *Supervisor) attend(ctx context.Context, n *nginx, signals <-chan os.Signal, task func(func(context.Context))) error {
	for {
		select {
		case <-n.exited:
			n.kill() // workers without a master
			return fmt.Errorf("nginx ended by itself: %s; its log has the reason", ended(n.err))
		case err := <-s.failed:
			s.log.Error("the gateway cannot go on", "error", err.Error())
			return err
		case <-ctx.Done():
			return nil
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				task(func(ctx context.Context) { _, _ = s.Reload(ctx, "HUP") }) // the Reloader logs what comes of it
				continue
			}
			s.log.Info("ending: requests in flight may finish", "signal", sig.String(), "within", s.settings.StopTimeout.String())
			return nil
		}
	}
}

func ended(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// hurry is closed when another signal to end comes.
func hurry(signals <-chan os.Signal) <-chan struct{} {
	out := make(chan struct{})
	go func() {
		for sig := range signals {
			if sig != syscall.SIGHUP {
				close(out)
				return
			}
		}
	}()
	return out
}
