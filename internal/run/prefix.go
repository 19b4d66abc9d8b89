package run

import (
	"bytes"
	"io"
	"sync"
)

// NewPrefixWriter returns a writer that puts prefix before each line. Only whole
// lines reach w, each in one Write, so that several steps can share a terminal;
// a last line without an end gets one on Close. A carriage return within a line
// starts it again, as on a terminal: of a progress bar the last state is kept. It is
// safe for concurrent use. Close does not close w.
//
// Several prefix writers on one w that is not a file need Locked(w).
func NewPrefixWriter(w io.Writer, prefix string) io.WriteCloser {
	p := &prefixWriter{w: w, prefix: prefix}
	p.lines.Each = p.one
	return p
}

type prefixWriter struct {
	mu     sync.Mutex
	w      io.Writer
	prefix string
	lines  LineWriter
}

func (p *prefixWriter) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines.Write(b)
}

func (p *prefixWriter) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines.Close()
}

func (p *prefixWriter) one(line []byte) error {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if i := bytes.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	out := make([]byte, 0, len(p.prefix)+len(line)+1)
	out = append(out, p.prefix...)
	out = append(out, line...)
	_, err := p.w.Write(append(out, '\n'))
	return err
}

// Locked makes a writer safe for concurrent use, a Write at a time.
func Locked(w io.Writer) io.Writer {
	if l, ok := w.(*lockedWriter); ok {
		return l
	}
	return &lockedWriter{w: w}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
