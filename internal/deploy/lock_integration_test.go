//go:build integration

package deploy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/lease"
	"drydock/internal/run"
	"drydock/internal/stack"
	"drydock/internal/testkit"
)

// deployer is one machine that deploys a scratch project.
func deployer(t *testing.T, project string) *Deployer {
	t.Helper()
	s, err := env.Load(env.Source{Root: testkit.Root(t), Env: "dev", ReadOnly: true, Environ: []string{"HOME=/nowhere", "PATH=" + os.Getenv("PATH"), "PROJECT=" + project, "DEPLOY_BY=ann"}})
	require.NoError(t, err)
	return &Deployer{Stack: &stack.Stack{
		Settings: s, Engine: testkit.Engine(t), In: strings.NewReader(""), Out: io.Discard, Err: &bytes.Buffer{}, Labels: testkit.Labels(t),
	}}
}

// Many ask at the same moment: one gets it, the others learn who.
func TestLockIsForOne(t *testing.T) {
	project, shell := testkit.Project(t, "lock"), testkit.ShellImage(t)
	const n = 5
	var mu sync.Mutex
	var won []*lock
	var wait sync.WaitGroup
	for range n {
		d := deployer(t, project)
		wait.Go(func() {
			l, _, err := d.acquire(t.Context(), shell, KindDeploy, "v1")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, l)
				return
			}
			var busy *BusyError
			if assert.ErrorAs(t, err, &busy) {
				assert.Equal(t, "ann", busy.Holder.By)
				assert.Equal(t, os.Getpid(), busy.Holder.Pid)
			}
			assert.Equal(t, run.CodeBusy, run.Code(err))
		})
	}
	wait.Wait()
	require.Len(t, won, 1)
	won[0].Release()
	d := deployer(t, project)
	h, err := d.holder(t.Context())
	require.NoError(t, err)
	assert.Nil(t, h, "given back")
	l, dead, err := d.acquire(t.Context(), shell, KindDeploy, "v2")
	require.NoError(t, err)
	assert.Nil(t, dead)
	l.Release()
}

// What is written is whole, survives the lock, and is there for everybody.
func TestMemoryThroughTheLock(t *testing.T) {
	project := testkit.Project(t, "memory")
	d := deployer(t, project)
	list, err := image.Build(t.Context(), image.BuildOptions{Settings: d.Stack.Settings, Engine: d.Stack.Engine, Err: io.Discard, Names: []string{image.Redis}})
	require.NoError(t, err)
	redis := list[0].Ref // what holds the lock in real life
	l, _, err := d.acquire(t.Context(), redis, KindDeploy, "v1")
	require.NoError(t, err)
	big := strings.Repeat("x'\"$`\\\n", 100_000)
	require.NoError(t, putJSON(t.Context(), l, releasesFile, Releases{{ID: "1", Version: big}}))
	require.NoError(t, putJSON(t.Context(), l, currentFile, Journal{Kind: KindDeploy, Release: release("2", "v2"), To: "blue", Step: Gate}))
	other := deployer(t, project)
	_, _, err = other.acquire(t.Context(), redis, KindDeploy, "v3")
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	assert.Equal(t, Gate, busy.Step, "the step is told")
	require.NoError(t, l.drop(t.Context(), currentFile))
	l.Release()
	m, err := other.recall(t.Context())
	require.NoError(t, err)
	assert.Nil(t, m.Current)
	require.Len(t, m.Releases, 1)
	assert.Equal(t, big, m.Releases[0].Version)
}

// deployphp/deployer 3335, dokku/dokku 3167: a job that was killed left its lock. Here the
// lock ends with its holder, at once, and the next one takes it over.
func TestLockOfTheDead(t *testing.T) {
	project, shell := testkit.Project(t, "dead"), testkit.ShellImage(t)
	if os.Getenv("DEPLOY_LOCK_HELPER") != "" {
		t.Fatal("the helper runs only its own test")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockHelper$", "-test.v")
	cmd.Env = append(os.Environ(), "DEPLOY_LOCK_HELPER="+project)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var said strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(said.String(), "holding") {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		require.NoError(t, err, said.String())
	}
	d := deployer(t, project)
	h, err := d.holder(t.Context())
	require.NoError(t, err)
	require.NotNil(t, h)
	assert.True(t, h.Alive)
	assert.Equal(t, cmd.Process.Pid, h.Pid)
	assert.Equal(t, run.CodeBusy, run.Code(d.Unlock(t.Context())), "one that lives is not taken away just so")

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	within, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = d.Stack.Engine.WaitExit(within, h.Container)
	require.NoError(t, err, "told at once")
	l, dead, err := d.acquire(t.Context(), shell, KindDeploy, "v2")
	require.NoError(t, err)
	require.NotNil(t, dead)
	assert.Equal(t, cmd.Process.Pid, dead.Pid)
	l.Release()
}

// TestLockHelper is the process that dies in TestLockOfTheDead.
func TestLockHelper(t *testing.T) {
	project := os.Getenv("DEPLOY_LOCK_HELPER")
	if project == "" {
		return // it is run by the other test
	}
	d := deployer(t, project)
	_, _, err := d.acquire(t.Context(), testkit.ShellImage(t), KindDeploy, "v1")
	require.NoError(t, err)
	_, _ = os.Stdout.WriteString("holding\n")
	time.Sleep(time.Minute) // it is killed before
}

// A lock that is taken away (the engine was restarted, a person was sure) ends the work of
// its holder, who must not go on beside another one.
func TestLostLockEndsTheWork(t *testing.T) {
	project, shell := testkit.Project(t, "lost"), testkit.ShellImage(t)
	d := deployer(t, project)
	l, _, err := d.acquire(t.Context(), shell, KindDeploy, "v1")
	require.NoError(t, err)
	ctx, stop := l.Guard(t.Context())
	defer stop(nil)
	require.NoError(t, d.Stack.Engine.Remove(t.Context(), l.Container))
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed")
	}
	assert.ErrorIs(t, context.Cause(ctx), lease.ErrLost)
	assert.True(t, l.Lost())
	assert.Error(t, l.put(t.Context(), currentFile, []byte("{}")), "and it can write nothing any more")
	l.Release()
}

// A canceled wait for the lock leaves none.
func TestLockCanceled(t *testing.T) {
	project, shell := testkit.Project(t, "cancel"), testkit.ShellImage(t)
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 300 * time.Millisecond} {
		d := deployer(t, project)
		ctx, cancel := context.WithTimeout(t.Context(), after)
		l, _, err := d.acquire(ctx, shell, KindDeploy, "v1")
		cancel()
		if err == nil {
			l.Release() // it was quick
		}
		_, err = d.Stack.Engine.Container(t.Context(), d.lockName())
		assert.True(t, errors.Is(err, engine.ErrNotFound), "%v: %v", after, err)
	}
}
