package notify

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"drydock/internal/run"
)

// The events that Drydock itself tells.
const (
	BackupFailed     = "backup.failed"
	BackupAborted    = "backup.aborted"
	BackupOverdue    = "backup.overdue"
	BackupRecovered  = "backup.recovered"
	BackupJournal    = "backup.journal" // what has run when cannot be read or kept
	ArchiveLate      = "archive.late"
	ArchiveRecovered = "archive.recovered"
	DrillFailed      = "drill.failed"
	DrillPassed      = "drill.passed"
	DrillOverdue     = "drill.overdue"
	DrillRecovered   = "drill.recovered" // one passed after it was overdue

	ServiceFailed        = "service.failed" // unhealthy, gone, or started again and again
	ServiceRecovered     = "service.recovered"
	DiskFull             = "disk.full" // about to be
	DiskRecovered        = "disk.recovered"
	CertificateFailed    = "certificate.failed" // ends soon, has ended, or is not renewed
	CertificateRecovered = "certificate.recovered"
	RunFailed            = "run.failed" // a target that a timer started
	RunRecovered         = "run.recovered"
	WatchSilent          = "watch.silent" // whoever looks at the services does so no more
	WatchRecovered       = "watch.recovered"
	Test                 = "test"
)

// Event is one thing to tell.
type Event struct {
	Event    string
	Kind     string
	Time     time.Time     // now when zero
	Duration time.Duration // left out when zero
	Error    string
	Next     string
	ID       string // made when empty
}

// body is the documented form; the order of the fields is the order in the JSON.
type body struct {
	Text     string  `json:"text"`
	ID       string  `json:"id"`
	Event    string  `json:"event"`
	Kind     string  `json:"kind,omitempty"`
	Project  string  `json:"project,omitempty"`
	Env      string  `json:"env,omitempty"`
	Host     string  `json:"host,omitempty"`
	Time     string  `json:"time"`
	Duration float64 `json:"duration_seconds,omitempty"`
	Error    string  `json:"error,omitempty"`
	Next     string  `json:"next,omitempty"`
}

// longest is how many bytes of an error are told; the logs have the rest.
const longest = 2000

// render makes the message. Everything that came from outside is masked first.
func (s *Sender) render(e Event) ([]byte, error) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.ID == "" {
		e.ID = rand.Text()
	}
	clean := func(text string) string { return run.Redact(text, s.secrets...) }
	b := body{
		ID: e.ID, Event: e.Event, Kind: clean(e.Kind), Project: s.c.Project, Env: s.c.Env, Host: s.c.Host,
		Time: e.Time.UTC().Format(time.RFC3339), Duration: e.Duration.Round(time.Millisecond).Seconds(),
		Error: cut(clean(e.Error)), Next: cut(clean(e.Next)),
	}
	b.Text = text(b, e.Duration)
	var message bytes.Buffer
	enc := json.NewEncoder(&message)
	enc.SetEscapeHTML(false) // it is no part of a page, and the text is escaped once already
	err := enc.Encode(b)
	return message.Bytes(), err
}

// text says the same for people: whose, what, of what, where, why, what now.
func text(b body, took time.Duration) string {
	var t strings.Builder
	if whose := strings.TrimSpace(b.Project + " " + b.Env); whose != "" {
		t.WriteString("[" + whose + "] ")
	}
	t.WriteString(strings.ReplaceAll(b.Event, ".", " "))
	if b.Kind != "" {
		t.WriteString(": " + b.Kind)
	}
	if b.Host != "" {
		t.WriteString(" on " + b.Host)
	}
	if took != 0 {
		fmt.Fprintf(&t, " (%s)", took.Round(time.Millisecond))
	}
	if b.Error != "" {
		t.WriteString("\n" + b.Error)
	}
	if b.Next != "" {
		t.WriteString("\nNext: " + b.Next)
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(t.String())
}

func cut(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= longest {
		return text
	}
	end := longest
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + " ..."
}
