package run

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPrefixWriterPassesOnWholeLines(t *testing.T) {
	var out bytes.Buffer
	w := NewPrefixWriter(&out, "> ")
	for _, chunk := range []string{"a", "b\nc", "\n", "10%\r20%\r30%\r\n", "end"} {
		_, err := io.WriteString(w, chunk)
		require.NoError(t, err)
	}
	assert.Equal(t, "> ab\n> c\n> 30%\n", out.String())
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	assert.Equal(t, "> ab\n> c\n> 30%\n> end\n", out.String())
}

func TestManyPrefixWritersShareOneTarget(t *testing.T) {
	var out bytes.Buffer
	target := Locked(&out)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			w := NewPrefixWriter(target, fmt.Sprintf("%d: ", i))
			for range 100 {
				_, _ = fmt.Fprintf(w, "x%d\n", i) // a buffer never fails
			}
		})
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 400)
	for _, l := range lines {
		assert.Regexp(t, `^(\d): x(\d)$`, l)
		assert.Equal(t, l[0], l[4])
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	w := &Tail{max: 20}
	_, _ = io.WriteString(w, "lost line\nhalf lost\nkept\n\nlast\n") // never fails
	assert.Equal(t, []string{"kept", "last"}, w.Lines())
	one := &Tail{max: 4}
	_, _ = io.WriteString(one, "abcdef") // never fails
	assert.Equal(t, []string{"cdef"}, one.Lines())
}
