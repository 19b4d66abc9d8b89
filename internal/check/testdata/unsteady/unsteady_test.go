// Package unsteady has tests that fail, for the tests of what runs tests.
package unsteady

import (
	"os"
	"testing"
)

// TestOnce fails in a part of it, the first time.
func TestOnce(t *testing.T) {
	t.Run("part", func(t *testing.T) {
		mark := os.Getenv("UNSTEADY_MARK")
		if _, err := os.Stat(mark); err == nil {
			return
		}
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Error("the first time")
	})
}

func TestAlways(t *testing.T) { t.Error("each time") }

// TestRace writes from two sides; nothing else is wrong with it.
func TestRace(t *testing.T) {
	n, done := 0, make(chan bool)
	go func() { n++; close(done) }()
	n++
	<-done
	t.Log(n)
}
