//go:build integration

package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The tests start this program again to have a process that can be killed, or that has
// file systems of its own. These variables say what it is to do.
const (
	childDo   = "DRYDOCK_STORE_CHILD"
	childRoot = "DRYDOCK_STORE_ROOT"
	childKill = "DRYDOCK_STORE_KILL" // at which step, counted from 1; 0 prints the steps
)

func TestMain(m *testing.M) {
	if do := os.Getenv(childDo); do != "" {
		if err := child(do, os.Getenv(childRoot)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(do, root string) error {
	ctx := context.Background()
	if do == "full" || do == "unreadable" {
		return inFullOrBadDisk(ctx, do, root)
	}
	s, err := Open(root, Options{})
	if err != nil {
		return err
	}
	kill, _ := strconv.Atoi(os.Getenv(childKill))
	n := 0
	s.hook = func(step string) {
		n++
		if kill == 0 {
			fmt.Println(step)
		}
		if n == kill {
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
			select {}
		}
	}
	switch do {
	case "commit", "abort":
		w, err := s.Begin(ctx, Spec{Kind: KindDump, Database: "app", Holder: "child"})
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(w.Dir(), "dump"), 0o700); err != nil {
			return err
		}
		for _, name := range []string{"dump/toc.dat", "globals.sql"} {
			if err := os.WriteFile(filepath.Join(w.Dir(), name), make([]byte, 100_000), 0o600); err != nil {
				return err
			}
		}
		if do == "abort" {
			return w.Abort(errors.New("pg_dump failed"))
		}
		_, err = w.Commit(ctx, Done{Verify: good})
		return err
	case "remove":
		return s.Remove(ctx, "1")
	case "reclaim":
		_, err := s.Reclaim(ctx)
		return err
	case "churn":
		return churn(ctx, s)
	case "hold":
		if _, err := s.Begin(ctx, Spec{Kind: KindDump, Holder: "child"}); err != nil {
			return err
		}
		fmt.Println("held")
		select {}
	}
	return fmt.Errorf("unknown %q", do)
}

// churn makes and removes backups of a kind of its own, for as long as it lives.
func churn(ctx context.Context, s *Store) error {
	kind := "kind-" + strconv.Itoa(os.Getpid()%2)
	fmt.Println("working")
	var ids []string
	for {
		w, err := s.Begin(ctx, Spec{Kind: kind})
		if busy := new(BusyError); errors.As(err, &busy) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(w.Dir(), "dump"), make([]byte, 10_000), 0o600); err != nil {
			return err
		}
		b, err := w.Commit(ctx, Done{Verify: good})
		if err != nil {
			return err
		}
		if ids = append(ids, b.ID); len(ids) > 2 {
			if err := errors.Join(s.MarkProven(ctx, ids[1], Proof{Drill: "d"}), s.Remove(ctx, ids[0])); err != nil {
				return err
			}
			ids = ids[1:]
		}
	}
}

// Killed at any moment, in the middle of any system call, while another process works in
// the same repository and a third one lists: whatever is listed is whole.
func TestKilledAtAnyMoment(t *testing.T) {
	s := open(t)
	r := rand.New(rand.NewPCG(1, 2))
	made := uint64(0)
	for round := range 25 {
		var children []*exec.Cmd
		for range 2 {
			cmd := command(t, "churn", s.root, -1)
			cmd.Stderr = os.Stderr
			said, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			children = append(children, cmd)
			// How long a process takes to start says nothing of what it does.
			_, err = bufio.NewReader(said).ReadString('\n')
			require.NoError(t, err)
		}
		for until := time.Now().Add(time.Duration(20+r.IntN(60)) * time.Millisecond); time.Now().Before(until); {
			all, err := s.List()
			require.NoError(t, err)
			for _, b := range all {
				require.True(t, b.Good(), "round %d: %+v", round, b)
			}
		}
		for _, cmd := range children {
			require.NoError(t, cmd.Process.Kill())
			killed(t, cmd.Wait())
		}
		reports, err := s.VerifyAll(t.Context())
		require.NoError(t, err)
		for _, report := range reports {
			require.True(t, report.OK(), "round %d: %s: %v", round, report.Backup.ID, report.Problems)
			require.True(t, report.Backup.Good())
		}
		_, err = s.Reclaim(t.Context())
		require.NoError(t, err)
		nothingLeft(t, s)
		again := listed(t, s)
		require.Len(t, again, len(reports))
		if n := len(again); n > 0 {
			require.GreaterOrEqual(t, Sequence(again[n-1]), made)
			made = Sequence(again[n-1])
		}
	}
	require.Greater(t, made, uint64(10), "the children did work")
}

func command(t *testing.T, do, root string, kill int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childDo+"="+do, childRoot+"="+root, childKill+"="+strconv.Itoa(kill))
	return cmd
}

// apart gives the child its own mounts, host name and process numbers, as a container has
// them; where the tests are not root, a user namespace makes it root there.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
}

func killed(t *testing.T, err error) {
	t.Helper()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal())
}

// size is what the repository's files hold together.
func size(t *testing.T, root string) (n int64) {
	t.Helper()
	require.NoError(t, filepath.Walk(root, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	}))
	return n
}

// Killed at any step, a backup is whole or absent, the old ones are intact, and the next
// run takes away what was left. The same for the removal, the failure and the cleaning up.
func TestKilledAtEveryStep(t *testing.T) {
	for _, do := range []string{"commit", "abort", "remove", "reclaim"} {
		t.Run(do, func(t *testing.T) {
			// What the killed process finds.
			prepare := func() *Store {
				s := open(t)
				put(t, s, "old")
				put(t, s, "older")
				if do == "reclaim" {
					killed(t, command(t, "commit", s.root, 9).Run())
				}
				return s
			}
			out, err := command(t, do, prepare().root, 0).CombinedOutput()
			require.NoError(t, err, "%s", out)
			steps := strings.Fields(strings.ReplaceAll(string(out), "synced ", "synced-"))
			require.Greater(t, len(steps), 1)
			for i, step := range steps {
				t.Run(fmt.Sprintf("%02d %s", i+1, step), func(t *testing.T) {
					s := prepare()
					killed(t, command(t, do, s.root, i+1).Run())

					all, err := s.List()
					require.NoError(t, err)
					for _, b := range all {
						r, err := s.Verify(t.Context(), b.ID)
						require.NoError(t, err)
						assert.True(t, b.Good() && r.OK(), "%s: %v", b.ID, r.Problems)
					}
					published := do == "commit" && i >= indexOf(steps, "renamed")
					removed := do == "remove" && i >= indexOf(steps, "trashed")
					want := 2
					if published {
						want++
					} else if removed {
						want--
					}
					require.Len(t, all, want)

					// The next run of this kind is not held off, and cleans up.
					w, err := s.Begin(t.Context(), Spec{Kind: KindDump, Database: "app"})
					require.NoError(t, err)
					require.NoError(t, w.Abort(errors.New("next")))
					nothingLeft(t, s)
					again, err := s.List()
					require.NoError(t, err)
					assert.Equal(t, all, again)
					for _, b := range again {
						assert.FileExists(t, s.path(indexDir, b.ID+".json"))
					}
					index, err := s.names(indexDir, "", ".json")
					require.NoError(t, err)
					assert.Len(t, index, len(again))
					if !published {
						assert.Less(t, size(t, s.root), int64(50_000), "the space comes back")
					}
					failures, err := s.Failures()
					require.NoError(t, err)
					begun := do == "reclaim" || (do == "commit" || do == "abort") && !published && i >= indexOf(steps, "begun")
					if begun {
						require.Len(t, failures, 2)
						assert.Regexp(t, "ended in the middle|pg_dump failed", failures[0].Reason)
					} else {
						assert.Len(t, failures, 1)
					}
				})
			}
		})
	}
}

func indexOf(steps []string, name string) int {
	for i, s := range steps {
		if s == name {
			return i
		}
	}
	return len(steps)
}

// Containers share the volume and not the process numbers: the lock of one holds off the
// other, says who it is, and is free the moment its holder is dead.
func TestALockAcrossContainers(t *testing.T) {
	s := open(t)
	cmd := command(t, "hold", s.root, -1)
	apart(cmd)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said := make([]byte, 4)
	_, err = out.Read(said)
	require.NoError(t, err)
	require.Equal(t, "held", string(said))

	_, err = s.Begin(t.Context(), Spec{Kind: KindDump})
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	assert.Equal(t, "child", busy.Holder.Name)
	assert.Equal(t, 1, busy.Holder.PID, "as it sees itself")
	running, err := s.Running()
	require.NoError(t, err)
	assert.Len(t, running, 1)

	require.NoError(t, cmd.Process.Kill())
	killed(t, cmd.Wait())
	require.Eventually(t, func() bool { // the kernel closes its files a moment later
		h, err := s.Locked(LockName(KindDump))
		return err == nil && h == nil
	}, 5*time.Second, 10*time.Millisecond)
	w, err := s.Begin(t.Context(), Spec{Kind: KindDump})
	require.NoError(t, err)
	require.NotNil(t, w.Stale())
	assert.Equal(t, "child", w.Stale().Name)
	require.NoError(t, w.Abort(nil))
	nothingLeft(t, s)
}
