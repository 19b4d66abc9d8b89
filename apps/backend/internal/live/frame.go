package live

import (
	"bytes"
	"strconv"
	"time"
)

// Frame is one server-sent event in its wire form, made once and written to every page. See "Server-sent events" of the
// HTML standard.
type Frame []byte

// Heartbeat is a comment: it keeps proxies from closing a quiet stream and shows a dead one to its writer.
var Heartbeat = Frame(": ping\n\n")

// NewFrame makes an event. The data must hold no line break, as JSON from package encoding/json never does.
func NewFrame(at Position, kind string, data []byte) Frame {
	var b bytes.Buffer
	if id := at.String(); id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("event: " + kind + "\ndata: ")
	b.Write(data)
	b.WriteString("\n\n")
	return b.Bytes()
}

// RetryFrame tells the browser how long to wait before it reconnects.
func RetryFrame(after time.Duration) Frame {
	return Frame("retry: " + strconv.FormatInt(after.Milliseconds(), 10) + "\n\n")
}

func resyncFrame(at Position, reason string) Frame {
	return NewFrame(at, Resync, []byte(`{"reason":"`+reason+`"}`))
}
