//go:build integration && linux

package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"drydock/internal/engine"
	"drydock/internal/testkit"
)

// pseudoTerminal returns both ends of a new terminal, see pty(7).
func pseudoTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { person.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { program.Close() })
	return person, program
}

func flags(t *testing.T, f *os.File) uint32 {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return state.Lflag
}

func TestAnInteractiveCommandHasTheTerminalAndGivesItBack(t *testing.T) {
	c, id := testkit.Engine(t), shell(t)
	for _, how := range []string{"exit", "cancel"} {
		t.Run(how, func(t *testing.T) {
			person, program := pseudoTerminal(t)
			require.NoError(t, unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 77}))
			before := flags(t, program)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				done <- c.Exec(ctx, id, engine.Command{
					Cmd: []string{"sh", "-i"}, Env: []string{"PS1=> "}, TTY: true, Grace: 1,
					Streams: engine.Streams{In: program, Out: program},
				})
			}()
			out := bufio.NewReader(person)
			waitFor := func(text string) {
				var seen strings.Builder
				for !strings.HasSuffix(seen.String(), text) {
					b, err := out.ReadByte()
					require.NoError(t, err, seen.String())
					seen.WriteByte(b)
				}
			}
			waitFor("> ")
			assert.NotEqual(t, before, flags(t, program), "the terminal is raw while the command runs")
			_, err := person.WriteString("echo $((6*7))\r")
			require.NoError(t, err)
			waitFor("\n42\r\n")
			if how == "exit" {
				_, err = person.WriteString("exit 3\r")
				require.NoError(t, err)
			} else {
				cancel()
			}
			err = <-done
			if how == "exit" {
				var exit *engine.ExitError
				require.ErrorAs(t, err, &exit)
				assert.Equal(t, 3, exit.Code)
			} else {
				require.ErrorIs(t, err, context.Canceled)
			}
			assert.Equal(t, before, flags(t, program), "the terminal is as it was")
			assert.True(t, term.IsTerminal(int(program.Fd())))
		})
	}
}
