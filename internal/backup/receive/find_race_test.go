package receive

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An archive that fails for hours leaves thousands of segments, so many that the folder is listed in
// pieces. The one that is being filled gets its whole name meanwhile, and must not be seen in neither form.
func TestFindSeesASegmentThatBecomesWhole(t *testing.T) {
	const size, others, tries = 64 << 10, 1500, 15
	dir := t.TempDir()
	run := filepath.Join(dir, "7", "00000001-0001")
	require.NoError(t, os.MkdirAll(run, 0o700))
	for n := range others {
		// The others are there to be listed.
		require.NoError(t, os.WriteFile(filepath.Join(run, fmt.Sprintf("%024X.tmp", n)), nil, 0o600))
	}
	ctx, stop := context.WithCancel(t.Context())
	moved := make(chan error, 1)
	go func() {
		// One is begun, and becomes whole, as the receiver does it: a name changes once.
		for n := uint64(2); ctx.Err() == nil && n < 1500; n++ {
			part := filepath.Join(run, Segment{1, n}.Name(size)+partialSuffix)
			for _, step := range []func() error{
				func() error { return os.WriteFile(part+".tmp", segment(t, 7, Segment{1, n}, 100)[:100], 0o600) },
				func() error { return os.Truncate(part+".tmp", size) },
				func() error { return os.Rename(part+".tmp", part) },
				func() error { return os.Rename(part, strings.TrimSuffix(part, partialSuffix)) },
			} {
				if err := step(); err != nil {
					moved <- err
					return
				}
			}
		}
		moved <- nil
	}()
	lost := 0
	for range tries {
		before, err := os.ReadDir(run)
		require.NoError(t, err)
		got, err := Find(dir, "7", func(string) {})
		require.NoError(t, err)
		for _, e := range before {
			if name := strings.TrimSuffix(e.Name(), partialSuffix); segmentName.MatchString(name) && got[name].Path == "" {
				lost++
				t.Logf("%s was there before, and was not found", e.Name())
			}
		}
	}
	stop()
	require.NoError(t, <-moved)
	require.Zero(t, lost)
}
