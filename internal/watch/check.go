package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/alarm"
	"drydock/internal/backup/remote"
	"drydock/internal/env"
	"drydock/internal/notify"
	"drydock/internal/report"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Watch looks at one environment.
type Watch struct {
	Settings *env.Settings
	Out, Err io.Writer
	// Open opens the environment on its engine. That it cannot be opened is worth an alarm, too.
	Open func(context.Context) (*stack.Stack, error)
	Now  func() time.Time
}

// lookTimeout bounds one look, messages included: the next one is a minute away.
const lookTimeout = 2 * time.Minute

// Wrong is one thing that is wrong. Its JSON form is stable.
type Wrong struct {
	Event string `json:"event"`
	Kind  string `json:"kind"`
	Text  string `json:"text"`
	Told  bool   `json:"told"` // somebody was told; else it has not lasted long enough
}

// Check looks once, tells what is new, and prints what is wrong. It fails when something could
// not be looked at or told; that something is wrong is no failure.
func (w *Watch) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	sender, host, err := w.sender()
	if err != nil {
		return err
	}
	book, err := w.book("alarms.json", func(e notify.Event) error { return sender.Send(ctx, e) })
	if err != nil {
		return errors.Join(err, sender.Close(ctx))
	}
	states, keep, err := w.look(ctx, host)
	now := w.Now()
	list := []Wrong{}
	for _, a := range states {
		err = errors.Join(err, book.Look(a, now))
		if a.On {
			list = append(list, Wrong{a.Event, a.Kind, a.Text, book.Told(a.Key)})
		}
	}
	if keep != nil {
		err = errors.Join(err, book.KeepOnly(keep, now))
	}
	return errors.Join(err, w.print(list), sender.Close(ctx))
}

// look looks at everything. The keys are those of all alarms that there can be now; nil when
// too little could be seen to say that.
func (w *Watch) look(ctx context.Context, host string) (states []alarm.State, keys []string, err error) {
	s, err := w.Open(ctx)
	if err != nil {
		return []alarm.State{w.engineAway(err)}, nil, nil
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	seen, err := s.Status(ctx)
	if err != nil {
		return []alarm.State{w.engineAway(err)}, nil, nil
	}
	now := w.Now()
	counts, err := w.restarts(seen.Services, now)
	states = append([]alarm.State{{Key: keyEngine}}, serviceStates(seen.Services, counts, w.Settings.Alarms.After)...)
	well := map[string]bool{}
	for _, one := range seen.Services {
		well[one.Service] = one.Good()
	}
	keys = []string{keyEngine, keyCertificate}
	for _, a := range states {
		keys = append(keys, a.Key)
	}
	// What is not well itself was told already, and is not asked.
	if well["gateway"] && w.Settings.Gateway.TLS != "off" {
		c, askErr := report.Gatherer{Stack: s}.Certificate(ctx)
		if askErr != nil {
			err = errors.Join(err, fmt.Errorf("looking at the certificate: %w", askErr))
		} else {
			states = append(states, certificateState(c, now))
		}
	}
	if well["backup"] {
		r := &remote.Remote{Settings: w.Settings, Engine: s.Engine, Out: w.Out, Err: w.Err}
		if askErr := r.Watched(ctx, host); askErr != nil {
			err = errors.Join(err, fmt.Errorf("telling the backup service that somebody looks: %w", askErr))
		}
	}
	return states, keys, err
}

func (w *Watch) print(list []Wrong) error {
	if w.Settings.Options.Format == "json" {
		enc := json.NewEncoder(w.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(w.Out, "nothing is wrong")
		return err
	}
	for _, one := range list {
		told := "told"
		if !one.Told {
			told = "not told yet"
		}
		if _, err := fmt.Fprintf(w.Out, "%s %s (%s): %s\n", one.Event, one.Kind, told, one.Text); err != nil {
			return err
		}
	}
	return nil
}

// sender is the way to BACKUP_WEBHOOK from this machine.
func (w *Watch) sender() (*notify.Sender, string, error) {
	s := w.Settings
	if s.Backup.Webhook == "" {
		return nil, "", run.WithCode(run.CodeBadInput, errors.New("BACKUP_WEBHOOK is not set, so nobody would be told; set it in .env."+s.Env+".local, then `up`, and try `alarm:test`"))
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, "", fmt.Errorf("asking for the host's name: %w", err)
	}
	sender, err := newSender(s, s.Backup.Webhook, "BACKUP_WEBHOOK", host)
	return sender, host, err
}

func newSender(s *env.Settings, address env.Secret, setting, host string) (*notify.Sender, error) {
	proxy, err := s.WebhookProxy(address)
	if err != nil {
		return nil, err
	}
	var secrets []string
	for _, v := range s.SecretValues() {
		secrets = append(secrets, v.Reveal())
	}
	return notify.New(notify.Config{URL: address.Reveal(), Setting: setting, Project: s.Project, Env: s.Env, Host: host, Secrets: secrets, Proxy: proxy})
}

// book is what was told from this machine, by environment.
func (w *Watch) book(name string, tell func(notify.Event) error) (*alarm.Book, error) {
	path, err := w.path(name)
	if err != nil {
		return nil, err
	}
	return alarm.Open(path, tell, slog.New(slog.NewTextHandler(w.Err, &slog.HandlerOptions{Level: slog.LevelError}))), nil
}

func (w *Watch) path(name string) (string, error) {
	dir := w.Settings.Path(filepath.Join(".drydock", "alarms", w.Settings.Env))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keeping what was told: %w", err)
	}
	return filepath.Join(dir, name), nil
}
