package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"drydock/internal/run"
)

// started is the event of a deploy's beginning; its end is an Outcome.
const started Outcome = "started"

// Message is the body that DEPLOY_WEBHOOK gets. Its fields are stable; no setting and no
// secret is among them.
type Message struct {
	Text     string  `json:"text"`  // the whole story in a line: what Slack, Mattermost and others show
	Event    Outcome `json:"event"` // started, live, failed, returned, undone, interrupted, finished, stuck
	Kind     Kind    `json:"kind"`  // deploy or rollback
	Project  string  `json:"project"`
	Env      string  `json:"env"`
	Release  string  `json:"release"`
	Version  string  `json:"version"`
	Revision string  `json:"revision,omitempty"`
	From     string  `json:"from,omitempty"` // version that served before
	By       string  `json:"by"`
	Host     string  `json:"host"`
	Seconds  float64 `json:"seconds"`
	Error    string  `json:"error,omitempty"`
}

// webhookTime bounds a message. A deploy must not wait for a chat.
const webhookTime = 10 * time.Second

// message is the pure part.
func (w *work) message(o Outcome, cause error, now time.Time) Message {
	s, j := w.d.Stack.Settings, w.journal
	m := Message{
		Event: o, Kind: w.kind, Project: s.Project, Env: s.Env, Release: w.release.ID, Version: w.release.Version,
		Revision: w.release.Revision, From: j.From.Version, By: j.By, Host: j.Host, Seconds: now.Sub(j.Started).Round(100 * time.Millisecond).Seconds(),
	}
	if cause != nil {
		m.Error = w.d.masked(cause.Error())
	}
	told := map[Outcome]string{
		started: "%s (%s): %s of %s began", Live: "%s (%s): %s of %s is live", Failed: "%s (%s): %s of %s FAILED, nothing changed for users",
		Returned: "%s (%s): %s of %s FAILED and went back", Undone: "%s (%s): %s of %s was stopped and undone",
		Interrupted: "%s (%s): %s of %s was cut off and has been undone", Finished: "%s (%s): %s of %s was cut off after its switch and is live",
		Stuck: "%s (%s): %s of %s FAILED and was NOT PUT BACK; the next one does that",
	}[o]
	m.Text = fmt.Sprintf(told, s.Project, s.Env, w.kind, w.release.Version) + ", by " + j.By
	if m.Error != "" {
		m.Text += ": " + firstLine(m.Error)
	}
	m.Text = slack.Replace(m.Text)
	return m
}

// slack escapes what Slack would take for a link or a mention.
var slack = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// masked hides secrets, which a container may have written into its log.
func (d *Deployer) masked(text string) string { return run.Redact(text, d.Stack.Secrets()...) }

// maskedError is an error whose text hides secrets.
type maskedError struct {
	text string
	err  error
}

func (e maskedError) Error() string { return e.text }
func (e maskedError) Unwrap() error { return e.err }

func firstLine(text string) string {
	for i, c := range text {
		if c == '\n' {
			return text[:i]
		}
	}
	return text
}

// notify tells DEPLOY_WEBHOOK. It never fails a deploy.
func (w *work) notify(ctx context.Context, o Outcome, cause error) {
	target := w.d.Stack.Settings.Deploy.Webhook.Reveal()
	if target == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), webhookTime)
	defer cancel()
	proxy, err := w.d.Stack.Settings.WebhookProxy(w.d.Stack.Settings.Deploy.Webhook)
	if err != nil {
		w.d.say("telling DEPLOY_WEBHOOK: %v", err)
		return
	}
	if err := post(ctx, proxy, target, w.message(o, cause, time.Now())); err != nil {
		w.d.say("telling DEPLOY_WEBHOOK: %v", err)
	}
}

// post sends a message by way of a proxy; nil is directly.
func post(ctx context.Context, proxy *url.URL, target string, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return errors.New("it is no URL") // the error would show it
	}
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), ForceAttemptHTTP2: true, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		var u *url.Error // has the URL in its text, and a URL may hold a token
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }() // the status is all that is wanted
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode >= 300 {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}
