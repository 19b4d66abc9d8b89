package watch

import (
	"context"
	"errors"
	"net/url"
	"time"

	"drydock/internal/alarm"
	"drydock/internal/notify"
	"drydock/internal/run"
)

// tellTimeout bounds what is told of a run that has ended, also of one that was stopped.
const tellTimeout = time.Minute

// Ended tells what a run came to that nobody looks at: that it failed, once a day while it goes
// on failing, and that it works again. One that found another one at work says nothing. What was
// told of already is only noted as told, for whoever sees the failure next (Failed, in package
// target). It returns what went wrong with the telling.
func (w *Watch) Ended(ctx context.Context, name string, failed error) error {
	if run.Code(failed) == run.CodeBusy {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	sender, host, err := w.sender()
	if err != nil {
		return err
	}
	tell := func(e notify.Event) error { return sender.Send(ctx, e) }
	if notify.WasTold(failed) {
		tell = func(notify.Event) error { return nil }
	}
	book, err := w.book("run-"+url.PathEscape(name)+".json", tell)
	if err != nil {
		return errors.Join(err, sender.Close(ctx))
	}
	a := alarm.State{Key: name, Kind: name, Event: notify.RunFailed, On: failed != nil, Next: "journalctl, or cron's mail, on " + host}
	if failed != nil {
		a.Text = failed.Error()
	}
	var more interface{ Said() string }
	if errors.As(failed, &more) {
		a.Text += "\n" + more.Said()
	}
	return errors.Join(book.Look(a, w.Now()), sender.Close(ctx))
}
