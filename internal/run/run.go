package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// DefaultGrace is how long a child may take to end after it was told to.
const DefaultGrace = 10 * time.Second

// Cmd describes one child process. The zero value of everything but Name works.
type Cmd struct {
	Name string   // a path, or a name looked up in the PATH of Env
	Args []string // passed as they are: no shell, no expansion
	Dir  string   // working folder; "" is the caller's
	Env  []string // the whole environment, KEY=value; nothing is inherited

	Stdin          io.Reader // nil reads nothing
	Stdout, Stderr io.Writer // nil discards; may be the same writer

	Redact []string      // secrets that must not appear in any output or error
	Step   string        // prefix of each output line; "" leaves the output raw
	Grace  time.Duration // time between the polite signal and KILL; 0 is DefaultGrace

	// Interactive leaves the child in the caller's process group, where it may
	// read from the terminal (a password prompt of ssh or sudo). It then gets
	// Ctrl-C from the terminal itself, and only the child, not its own children,
	// is signalled when the context ends.
	Interactive bool
}

// Run runs the child and waits for it. When the context ends first, the child's
// process group gets INT if the reason was an INT (see Context), else TERM, and
// after Grace it gets KILL; Run returns only when it is gone. Every failure is an
// *Error.
func Run(ctx context.Context, c Cmd) error {
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	if err := context.Cause(ctx); err != nil {
		return &Error{Step: c.Step, Name: c.Name, Code: -1, Err: err, canceled: true}
	}
	path, err := lookPath(c.Name, c.Dir, c.Env)
	if err != nil {
		return &Error{Step: c.Step, Name: c.Name, Code: -1, Err: err, missing: true}
	}

	tail := NewTail()
	stdout, stderr, closeOutput := c.writers(tail)
	cmd := &exec.Cmd{
		Path:   path,
		Args:   append([]string{c.Name}, c.Args...),
		Dir:    c.Dir,
		Env:    append(make([]string, 0, len(c.Env)), c.Env...), // never nil: nil would inherit
		Stdin:  c.Stdin,
		Stdout: stdout,
		Stderr: stderr,

		SysProcAttr: procAttr(c.Interactive),
		// A grandchild that inherited the output must not keep us for ever.
		WaitDelay: c.Grace,
	}
	err = runGroup(ctx, cmd, c)
	closeErr := closeOutput()
	if err == nil && closeErr == nil {
		return nil
	}
	e := &Error{Step: c.Step, Name: c.Name, Code: exitCode(cmd, err), Tail: tail.Lines(), Err: err}
	if cause := context.Cause(ctx); cause != nil && err != nil {
		// A child that ended well although the context ended is a success: what
		// it was asked to do is done. One that failed then, failed for that reason.
		e.Err, e.canceled = cause, true
	} else if err == nil {
		e.Err = fmt.Errorf("passing on its output: %w", closeErr)
	}
	return e
}

// Output runs the child and returns what it wrote to stdout, unmasked: it is
// data for the caller, not for a person. Stderr goes where c.Stderr says.
func Output(ctx context.Context, c Cmd) ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = nil
	err := runCapturing(ctx, c, &out)
	return out.Bytes(), err
}

func runCapturing(ctx context.Context, c Cmd, out *bytes.Buffer) error {
	c.Stdout = rawWriter{out}
	return Run(ctx, c)
}

// rawWriter marks an output that is neither masked nor prefixed.
type rawWriter struct{ io.Writer }

// writers builds the chain for each stream: mask, then prefix, then the target.
// Masking comes first so that the prefix cannot split a secret.
func (c Cmd) writers(tail io.Writer) (stdout, stderr io.Writer, closeAll func() error) {
	out, err := c.Stdout, c.Stderr
	if out != nil && err != nil {
		// Two writers may end in the same place (a terminal, one buffer), and
		// exec copies each from a goroutine of its own.
		if _, raw := out.(rawWriter); !raw && same(out, err) {
			out = Locked(out)
			err = out
		}
	}
	var closers []io.Closer
	chain := func(w io.Writer, also io.Writer) io.Writer {
		if raw, ok := w.(rawWriter); ok {
			return raw.Writer
		}
		if w != nil && c.Step != "" {
			p := NewPrefixWriter(w, c.Step+" | ")
			closers = append([]io.Closer{p}, closers...)
			w = p
		}
		switch {
		case w == nil && also == nil:
			return nil
		case w == nil:
			w = also
		case also != nil:
			w = io.MultiWriter(w, also)
		}
		r := NewRedactor(w, c.Redact...)
		closers = append([]io.Closer{r}, closers...)
		return r
	}
	stdout = chain(out, nil)
	stderr = chain(err, tail)
	return stdout, stderr, func() error {
		var errs []error
		for _, cl := range ordered(closers) {
			errs = append(errs, cl.Close())
		}
		return errors.Join(errs...)
	}
}

// ordered puts redactors before prefix writers: what a redactor still holds has
// to pass through the prefix.
func ordered(closers []io.Closer) []io.Closer {
	var first, then []io.Closer
	for _, c := range closers {
		if _, ok := c.(*Redactor); ok {
			first = append(first, c)
		} else {
			then = append(then, c)
		}
	}
	return append(first, then...)
}

func same(a, b io.Writer) bool {
	defer func() { _ = recover() }() // writers of an uncomparable type are two writers
	return a == b
}
