package run

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func startMage(t *testing.T, what string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "helper", "mage", what)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // ended, normally
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return cmd, r
}

func TestTheFirstSignalCancelsAndCleaningUpHasTime(t *testing.T) {
	for sig, text := range map[syscall.Signal]string{
		syscall.SIGINT: "interrupted (INT)", syscall.SIGTERM: "asked to end (TERM)",
	} {
		cmd, out := startMage(t, "clean")
		require.NoError(t, cmd.Process.Signal(sig))
		said, err := io.ReadAll(out)
		require.NoError(t, err)
		assert.Equal(t, "cleaned up: "+text+"\n", string(said))
		_ = cmd.Wait() // the code is asked for below
		assert.Equal(t, CodeInterrupted, cmd.ProcessState.ExitCode())
	}
}

func TestTheSecondSignalKillsAtOnce(t *testing.T) {
	cmd, _ := startMage(t, "child") // a child that ignores signals, with an hour of grace
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	// Two signals of one kind may become one while the first is pending; so another kind.
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	_ = cmd.Wait() // the code is asked for below
	assert.Contains(t, []int{130, 143}, cmd.ProcessState.ExitCode())
}
