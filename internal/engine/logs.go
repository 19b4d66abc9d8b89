package engine

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// LogLine is one line that a container wrote.
type LogLine struct {
	Container string // name
	Service   string // compose service, else the name
	Time      time.Time
	Stderr    bool
	Text      string // without the line's end
}

// LogOptions select lines.
type LogOptions struct {
	Follow bool
	Since  time.Time // zero: from the beginning
	Until  time.Time // zero: to the end
	Tail   int       // only the last lines; 0 or less is all
}

// Logs gives each line of a container to fn. With Follow it goes on until the container
// stops or ctx ends, which then is the error. An error of fn ends it and is returned
// as it is.
func (c *Client) Logs(ctx context.Context, id string, o LogOptions, fn func(LogLine) error) error {
	in, err := c.Container(ctx, id)
	if err != nil {
		return c.fail(err, "reading logs")
	}
	options := container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: o.Follow,
		Since: stamp(o.Since), Until: stamp(o.Until), Tail: "all",
	}
	if o.Tail > 0 {
		options.Tail = strconv.Itoa(o.Tail)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := c.api.ContainerLogs(ctx, in.ID, options)
	if err != nil {
		return c.fail(err, "reading the logs of %s", in.Name)
	}
	defer r.Close()
	var stopped error
	emit := func(stderr bool, text string) error {
		at, text := cutTime(text)
		stopped = fn(LogLine{Container: in.Name, Service: in.Service(), Time: at, Stderr: stderr, Text: text})
		return stopped
	}
	if in.TTY {
		err = readRaw(r, emit)
	} else {
		err = readFrames(r, emit)
	}
	switch {
	case stopped != nil:
		return stopped
	case ctx.Err() != nil:
		return c.fail(context.Cause(ctx), "reading the logs of %s", in.Name)
	}
	return c.fail(err, "reading the logs of %s", in.Name)
}

// stamp writes a time as the engine reads it: seconds and nanoseconds, not a date,
// which it would take in its own time zone.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// cutTime takes the time from the front of a line.
func cutTime(line string) (time.Time, string) {
	head, rest, ok := strings.Cut(line, " ")
	if !ok {
		return time.Time{}, line
	}
	at, err := time.Parse(time.RFC3339Nano, head)
	if err != nil {
		return time.Time{}, line
	}
	return at, rest
}

// maxFrame bounds what one message may be: the engine cuts at 16 KiB.
const maxFrame = 16 << 20

// readFrames reads the engine's multiplexed stream: an 8 byte header (the stream's
// number, three zeros, a big endian length) before each message. A message is one line
// with its time, or a part of a line longer than 16 KiB: then it has no end of line,
// and the next part begins with a time again, which has to go.
// https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
func readFrames(r io.Reader, emit func(stderr bool, line string) error) error {
	br := bufio.NewReader(r)
	var head [8]byte
	var partial [2]strings.Builder // stdout, stderr
	flush := func(i int) error {
		if partial[i].Len() == 0 {
			return nil
		}
		line := partial[i].String()
		partial[i].Reset()
		return emit(i == 1, strings.TrimSuffix(line, "\r"))
	}
	for {
		if _, err := io.ReadFull(br, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return errors.Join(flush(0), flush(1))
			}
			return err
		}
		size := binary.BigEndian.Uint32(head[4:])
		if head[0] > 3 || size > maxFrame {
			return fmt.Errorf("the engine sent a log message of stream %d with %d bytes", head[0], size)
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(br, body); err != nil {
			return fmt.Errorf("a log message was cut off: %w", err)
		}
		if head[0] == 3 {
			return errors.New(strings.TrimSpace(string(body))) // the engine's own error
		}
		i := 0
		if head[0] == 2 {
			i = 1
		}
		text := string(body)
		if partial[i].Len() > 0 {
			_, text = cutTime(text)
		}
		whole := strings.HasSuffix(text, "\n")
		partial[i].WriteString(strings.TrimSuffix(text, "\n"))
		if whole {
			if err := flush(i); err != nil {
				return err
			}
		}
	}
}

// readRaw reads the stream of a container with a terminal.
func readRaw(r io.Reader, emit func(stderr bool, line string) error) error {
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadString('\n')
		if line != "" {
			if emitErr := emit(false, strings.TrimRight(line, "\r\n")); emitErr != nil {
				return emitErr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
