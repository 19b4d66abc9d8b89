package certs

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const publisher = "DRYDOCK_TEST_PUBLISH_TO"

// A process that publishes without end is killed at any moment. What it leaves is a whole
// pair, and the next one can go on.
func TestAKilledPublisherLeavesAWholePair(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	for i := range 12 {
		child := exec.Command(os.Args[0], "-test.run=^TestPublishWithoutEnd$")
		child.Env = append(os.Environ(), publisher+"="+s.Dir)
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		_, err = bufio.NewReader(out).ReadString('\n') // it has published one
		assert.NoError(t, err)
		time.Sleep(time.Duration(i) * 1700 * time.Microsecond) // the moment is what is tried, nothing is waited for
		require.NoError(t, child.Process.Kill())
		_ = child.Wait() // it was killed

		for _, read := range []func() (Pair, error){s.Current, s.Previous} {
			_, err = read()
			assert.NoError(t, err)
		}
		left, err := os.ReadDir(s.pairs())
		require.NoError(t, err)
		assert.LessOrEqual(t, len(left), 4, "what killed ones left does not pile up")
	}
}

// TestPublishWithoutEnd is the process that is killed.
func TestPublishWithoutEnd(t *testing.T) {
	dir := os.Getenv(publisher)
	if dir == "" {
		return
	}
	for i := 0; ; i++ {
		if _, err := (Store{Dir: dir}).Publish(somePair(t, "a.test")); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			_, _ = os.Stdout.WriteString("published\n")
		}
	}
}
