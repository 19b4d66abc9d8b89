package run

import "bytes"

// LineWriter gives each whole line that is written, without its end, to Each; Close gives it a
// last line without one. The line is Each's only until it returns. Not safe for concurrent use.
type LineWriter struct {
	Each func(line []byte) error
	rest []byte
}

func (w *LineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, after, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		err := w.Each(line)
		w.rest = append(w.rest[:0], after...)
		if err != nil {
			return 0, err
		}
	}
}

// Close ends the last line.
func (w *LineWriter) Close() error {
	line := w.rest
	if w.rest = nil; len(line) == 0 {
		return nil
	}
	return w.Each(line)
}
