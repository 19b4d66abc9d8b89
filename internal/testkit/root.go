package testkit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Root is the folder of the checkout: the nearest one upwards whose go.mod is the
// module drydock.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("finding the checkout: %v", err)
	}
	for start := dir; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			first, _, _ := strings.Cut(string(text), "\n")
			if strings.TrimSpace(first) == "module drydock" {
				return dir
			}
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("finding the checkout: no go.mod of module drydock in %s or above", start)
		}
	}
}
