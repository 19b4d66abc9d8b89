package backup

import (
	"context"
	"errors"
	"fmt"
	"os"

	"drydock/internal/notify"
	"drydock/internal/run"
)

// sender is the way to the webhook.
func (s *Service) sender(host string) (*notify.Sender, error) {
	return s.Config.sender(host, func(err error) { s.Log.Error("a message could not be delivered", "error", err.Error()) })
}

func (c Config) sender(host string, warn func(error)) (*notify.Sender, error) {
	proxy, err := notify.ParseProxy(c.Proxy.Reveal())
	if err != nil {
		return nil, err
	}
	return notify.New(notify.Config{
		URL: c.Webhook.Reveal(), Setting: "BACKUP_WEBHOOK", Project: c.Project, Env: c.Env, Host: host,
		Proxy: proxy, Secrets: []string{c.Server.Password.Reveal()}, Warn: warn,
	})
}

// TestAlarm sends a test message to the webhook, and says where it went.
func (c Config) TestAlarm(ctx context.Context) (to string, err error) {
	if c.Webhook == "" {
		return "", run.WithCode(run.CodeBadInput, errors.New("the backup service has no BACKUP_WEBHOOK; set it, then `up`"))
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("asking for the host's name: %w", err)
	}
	sender, err := c.sender(host, nil)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, sender.Close(ctx)) }()
	return sender.Target(), sender.Send(ctx, notify.Event{Event: notify.Test, Kind: "backup service"})
}
