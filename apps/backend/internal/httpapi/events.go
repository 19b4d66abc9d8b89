package httpapi

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"drydock/backend/internal/live"
)

const (
	eventsPath = "/api/events"
	heartbeat  = 15 * time.Second
	// writeTimeout is for one write; a page that takes longer to read is gone or as good as gone.
	writeTimeout = 10 * time.Second
	// retryNormally is how long a browser waits after a stream broke by itself.
	retryNormally = 2 * time.Second
)

// events is the stream of changes to one page, until the page leaves, falls behind, or the service stops.
func (a *API) events(w http.ResponseWriter, r *http.Request) {
	stream, err := a.Hub.Subscribe(r.Header.Get("Last-Event-ID"))
	switch {
	case errors.Is(err, live.ErrFull):
		a.fail(w, r, unavailable("too many pages are open; try again soon"))
		return
	case err != nil:
		a.fail(w, r, unavailable("this instance is about to stop; try again at once"))
		return
	}
	defer stream.Close()

	out := http.NewResponseController(w)
	// The server's read timeout is for requests: here it would end the stream.
	if err := out.SetReadDeadline(time.Time{}); err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx: pass on each event as it comes
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)

	write := func(frames ...live.Frame) bool {
		if err := out.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return false
		}
		for _, f := range frames {
			if _, err := w.Write(f); err != nil {
				return false
			}
		}
		return out.Flush() == nil
	}

	first := append([]live.Frame{live.RetryFrame(retryNormally), a.hello()}, stream.Backlog...)
	if !write(first...) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if !write(live.Heartbeat) {
				return
			}
		case f, open := <-stream.Frames:
			if !open {
				write(goodbye(stream.Ended())...)
				return
			}
			if !write(f) {
				return
			}
		}
	}
}

func (a *API) hello() live.Frame {
	data, err := json.Marshal(a.Build)
	if err != nil {
		panic(err) // strings only
	}
	return live.NewFrame(live.Position{}, live.Hello, data)
}

// goodbye makes browsers reconnect at once, each at a slightly different moment so that they do not all arrive together.
func goodbye(why live.Reason) []live.Frame {
	soon := 100*time.Millisecond + rand.N(400*time.Millisecond)
	return []live.Frame{
		live.RetryFrame(soon),
		live.NewFrame(live.Position{}, live.Bye, []byte(`{"reason":"`+string(why)+`"}`)),
	}
}
