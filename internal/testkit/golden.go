package testkit

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// Golden compares got with testdata/NAME and fails with the first line that differs.
// `go test ./internal/x -update` writes the file instead.
func Golden(t testing.TB, name string, got []byte) {
	t.Helper()
	golden(t, filepath.Join("testdata", filepath.FromSlash(name)), got, *update)
}

func golden(t testing.TB, path string, got []byte, write bool) {
	t.Helper()
	if write {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatalf("writing the golden file: %v", err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatalf("writing the golden file: %v", err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("there is no golden file %s; run this package's tests with -update and look at it", path)
	}
	if err != nil {
		t.Fatalf("reading the golden file: %v", err)
	}
	if !bytes.Equal(want, got) {
		line, w, g := firstDifference(string(want), string(got))
		t.Errorf("%s differs in line %d:\n want: %q\n  got: %q\nrun this package's tests with -update if that is right", path, line, w, g)
	}
}

func firstDifference(want, got string) (line int, w, g string) {
	ws, gs := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	for i := range max(len(ws), len(gs)) {
		w, g = "", ""
		if i < len(ws) {
			w = ws[i]
		}
		if i < len(gs) {
			g = gs[i]
		}
		if w != g {
			return i + 1, w, g
		}
	}
	return 0, "", ""
}
