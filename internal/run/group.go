package run

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// groups are the process groups that are alive now, so that a second Ctrl-C can
// end them before it ends us (see Context).
var groups struct {
	sync.Mutex
	ids map[int]bool
}

func runGroup(ctx context.Context, cmd *exec.Cmd, c Cmd) error {
	// The kernel's parent-death signal follows the thread that started the child,
	// not the process: the thread must live as long as the child does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	if err := cmd.Start(); err != nil {
		return err
	}
	target := cmd.Process.Pid
	if !c.Interactive {
		target = -target
		register(cmd.Process.Pid)
		defer unregister(cmd.Process.Pid)
	}

	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		_ = syscall.Kill(target, politeSignal(ctx)) // gone already: nothing to do
		timer := time.NewTimer(c.Grace)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C:
			_ = syscall.Kill(target, syscall.SIGKILL)
		}
	}()
	err := cmd.Wait()
	close(ended)
	<-watched
	if ctx.Err() != nil && !c.Interactive {
		endRest(target, c.Grace)
	}
	return err
}

// endRest waits for what a stopped leader left in its group (docker's plugins are
// children of docker) and kills it after grace. They are not our children, so there
// is nothing to wait on but the group's existence.
func endRest(group int, grace time.Duration) {
	for deadline := time.Now().Add(grace); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if syscall.Kill(group, 0) != nil {
			return
		}
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
}

// politeSignal is INT when the context was ended by an INT, because programs such
// as docker compose treat the two differently, and TERM otherwise.
func politeSignal(ctx context.Context) syscall.Signal {
	var sig *SignalError
	if errors.As(context.Cause(ctx), &sig) && sig.Signal == syscall.SIGINT {
		return syscall.SIGINT
	}
	return syscall.SIGTERM
}

func register(pgid int) {
	groups.Lock()
	defer groups.Unlock()
	if groups.ids == nil {
		groups.ids = map[int]bool{}
	}
	groups.ids[pgid] = true
}

func unregister(pgid int) {
	groups.Lock()
	defer groups.Unlock()
	delete(groups.ids, pgid)
}

// killGroups ends every child at once.
func killGroups() {
	groups.Lock()
	defer groups.Unlock()
	for id := range groups.ids {
		_ = syscall.Kill(-id, syscall.SIGKILL)
	}
}
