package watch

import (
	"context"
	"errors"
	"fmt"
	"os"

	"drydock/internal/backup/remote"
	"drydock/internal/env"
	"drydock/internal/notify"
	"drydock/internal/run"
)

// Test sends a test message to each webhook that is set, from each place that uses it, and says
// where it went. It fails when one was not delivered, or none is set.
func (w *Watch) Test(ctx context.Context) error {
	s := w.Settings
	if s.Backup.Webhook == "" && s.Deploy.Webhook == "" {
		return run.WithCode(run.CodeBadInput, errors.New("neither BACKUP_WEBHOOK nor DEPLOY_WEBHOOK is set; set them in .env."+s.Env+".local"))
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("asking for the host's name: %w", err)
	}
	var failed error
	say := func(what, to string, err error) {
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", what, err))
			return
		}
		if _, err := fmt.Fprintf(w.Out, "%s: delivered to %s\n", what, to); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	for _, hook := range []struct {
		setting string
		address env.Secret
	}{{"BACKUP_WEBHOOK", s.Backup.Webhook}, {"DEPLOY_WEBHOOK", s.Deploy.Webhook}} {
		if hook.address == "" {
			if _, err := fmt.Fprintln(w.Out, hook.setting+" is not set"); err != nil {
				return err
			}
			continue
		}
		to, err := w.testFromHere(ctx, hook.setting, hook.address, host)
		say(hook.setting+" from this machine", to, err)
	}
	if s.Backup.Webhook != "" {
		to, err := w.testFromService(ctx)
		say("BACKUP_WEBHOOK from the backup service", to, err)
	}
	return failed
}

func (w *Watch) testFromHere(ctx context.Context, setting string, address env.Secret, host string) (to string, err error) {
	sender, err := newSender(w.Settings, address, setting, host)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, sender.Close(ctx)) }()
	return sender.Target(), sender.Send(ctx, notify.Event{Event: notify.Test, Kind: "this machine"})
}

// testFromService is the way by which most messages go: the container's networks, and the
// address that it was given at the last `up`.
func (w *Watch) testFromService(ctx context.Context) (to string, err error) {
	s, err := w.Open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return (&remote.Remote{Settings: w.Settings, Engine: s.Engine, Out: w.Out, Err: w.Err}).TestAlarm(ctx)
}
