package run

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func self(args ...string) Cmd {
	return Cmd{
		Name: os.Args[0], Args: append([]string{"helper"}, args...),
		Env: []string{"GORACE=atexit_sleep_ms=0"}, // with -race each child would wait a second at its end
	}
}

func TestTheEnvironmentIsExplicit(t *testing.T) {
	t.Setenv("FROM_THE_PARENT", "1")
	c := self("env")
	c.Env = nil
	out, err := Output(t.Context(), c)
	require.NoError(t, err)
	assert.Empty(t, string(out), "an empty environment stays empty")

	c.Env = []string{"A=x$y${z}", "B="}
	out, err = Output(t.Context(), c)
	require.NoError(t, err)
	assert.Equal(t, "A=x$y${z}\nB=\n", string(out))
}

func TestAFailureTellsCodeAndTailButNoArguments(t *testing.T) {
	c := self("exit", "7", "first", "the password is hunter2!", "")
	c.Step, c.Redact = "db", []string{"hunter2!"}
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	err := Run(t.Context(), c)

	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 7, e.Code)
	assert.Equal(t, []string{"first", "the password is ****"}, e.Tail)
	assert.Equal(t, CodeFailure, Code(err), "a child's code is not ours")
	assert.NotContains(t, err.Error(), "hunter2")
	assert.NotContains(t, err.Error(), "helper")
	assert.Contains(t, err.Error(), "db: ")
	assert.Equal(t, "db | first\ndb | the password is ****\ndb | \n", stderr.String())
	var exit *exec.ExitError
	assert.ErrorAs(t, err, &exit)
}

func TestOutputIsNeitherMaskedNorPrefixed(t *testing.T) {
	c := self("env")
	c.Env, c.Redact, c.Step = []string{"P=secret"}, []string{"secret"}, "x"
	out, err := Output(t.Context(), c)
	require.NoError(t, err)
	assert.Equal(t, "P=secret\n", string(out))
}

func TestAMissingProgramIsAPrerequisite(t *testing.T) {
	for _, name := range []string{"no-such-program", "/no/such/program", ""} {
		err := Run(t.Context(), Cmd{Name: name, Env: []string{"PATH=/nonexistent"}})
		require.Error(t, err)
		assert.Equal(t, CodeMissing, Code(err), name)
	}
	err := Run(t.Context(), Cmd{Name: "no-such-program", Env: []string{"PATH=/nonexistent"}})
	assert.ErrorIs(t, err, exec.ErrNotFound)
	assert.Contains(t, err.Error(), "/nonexistent")
}

func TestTheProgramIsLookedUpInTheChildsPath(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/hello", []byte("#!/bin/sh\necho hi\n"), 0o755))
	out, err := Output(t.Context(), Cmd{Name: "hello", Env: []string{"PATH=/nonexistent:" + dir}})
	require.NoError(t, err)
	assert.Equal(t, "hi\n", string(out))
}

// started runs c in the background and returns the first line of its output.
func started(t *testing.T, ctx context.Context, c Cmd) (line string, rest *bufio.Reader, done chan error) {
	t.Helper()
	r, w := io.Pipe()
	c.Stdout = w
	done = make(chan error, 1)
	go func() {
		done <- Run(ctx, c)
		w.Close()
	}()
	rest = bufio.NewReader(r)
	line, err := rest.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line), rest, done
}

func TestTheReasonChoosesTheSignal(t *testing.T) {
	for _, test := range []struct {
		cause error
		want  string
		code  int
	}{
		{&SignalError{Signal: syscall.SIGINT}, "interrupt", CodeInterrupted},
		{&SignalError{Signal: syscall.SIGTERM}, "terminated", CodeInterrupted},
		{context.Canceled, "terminated", CodeInterrupted},
		{errors.New("another step failed"), "terminated", CodeFailure},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		c := self("signals")
		c.Args = append(c.Args, "x")
		_, rest, done := started(t, ctx, c)
		cancel(test.cause)
		said, err := rest.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, test.want, strings.TrimSpace(said))
		// It ended well, with code 0: what it was asked for is done.
		assert.NoError(t, <-done)

		err = Run(ctx, c)
		require.ErrorIs(t, err, test.cause)
		assert.Equal(t, test.code, Code(err))
	}
}

func TestAStubbornChildIsKilledAfterGrace(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := self("stubborn")
	c.Grace = 100 * time.Millisecond
	_, _, done := started(t, ctx, c)
	begin := time.Now()
	cancel()
	err := <-done
	assert.Less(t, time.Since(begin), 5*time.Second)
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 128+int(syscall.SIGKILL), e.Code)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, CodeInterrupted, Code(err))
}

func TestGrandchildrenEndWithTheGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := self("parent")
	c.Grace = 200 * time.Millisecond
	line, _, done := started(t, ctx, c)
	pid, err := strconv.Atoi(line)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0))
	cancel()
	require.Error(t, <-done)
	waitGone(t, pid)
}

// waitGone waits until a process that is not our child has ended; a zombie has.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
	}
	t.Fatalf("process %d still runs", pid)
}

func TestAKilledParentTakesItsChildWithIt(t *testing.T) {
	cmd := exec.Command(os.Args[0], "helper", "killed")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	waitGone(t, pid)
}

func TestACanceledContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Run(ctx, Cmd{Name: "no-such-program"})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, CodeInterrupted, Code(err))
}

func TestBothStreamsMayGoToOneBuffer(t *testing.T) {
	var both bytes.Buffer
	c := self("exit", "0", "a", "b")
	c.Stdout, c.Stderr, c.Step = &both, &both, "s"
	require.NoError(t, Run(t.Context(), c))
	assert.Equal(t, "s | a\ns | b\n", both.String())
}

func TestAnOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	c := self("exit", "0", "a")
	c.Stderr, c.Step = failing{}, "s"
	err := Run(t.Context(), c)
	require.Error(t, err)
	assert.ErrorIs(t, err, io.ErrShortWrite)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
