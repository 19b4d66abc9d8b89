package run

import (
	"strings"
	"sync"
)

const (
	tailBytes = 4096 // how much of stderr an error keeps
	tailLines = 10   // and how many lines of it
)

// Tail keeps the end of what was written.
type Tail struct {
	mu  sync.Mutex
	max int
	buf []byte
	cut bool // something was dropped from the front
}

// NewTail keeps what an error shows of what a program said last.
func NewTail() *Tail { return &Tail{max: tailBytes} }

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.max; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// Lines returns the last whole lines, without empty ones.
func (t *Tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	all := strings.Split(string(t.buf), "\n")
	for i, line := range all {
		if i == 0 && t.cut && len(all) > 1 {
			continue // its beginning is lost, and with it perhaps its meaning
		}
		if line = strings.TrimRight(line, " \t\r"); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return lines
}
