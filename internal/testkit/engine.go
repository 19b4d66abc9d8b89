package testkit

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"drydock/internal/engine"
)

// cleanTime bounds what happens after a test, whose own context has ended then.
const cleanTime = 2 * time.Minute

var shared struct {
	sync.Mutex
	client *engine.Client
}

// Engine returns the engine that the tests of this binary share. Without one the test
// fails and says how to get one. The first call removes what crashed runs left behind.
func Engine(t testing.TB) *engine.Client {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.client != nil {
		return shared.client
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanTime)
	defer cancel()
	host, options := engine.FromEnviron(os.Environ())
	c, err := engine.Open(ctx, host, options...)
	if err != nil {
		t.Fatalf("this test needs a Docker engine: %v", err)
	}
	if err := sweep(ctx, c, t.Logf); err != nil {
		t.Errorf("removing what crashed test runs left behind: %v", err)
	}
	shared.client = c
	return c
}
