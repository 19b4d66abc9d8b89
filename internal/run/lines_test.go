package run

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLineWriter(t *testing.T) {
	var lines []string
	w := &LineWriter{Each: func(line []byte) error { lines = append(lines, string(line)); return nil }}
	for _, part := range []string{"on", "e\n\ntw", "o\r\nthr", "ee"} {
		n, err := io.WriteString(w, part)
		require.NoError(t, err)
		assert.Equal(t, len(part), n)
	}
	assert.Equal(t, []string{"one", "", "two\r"}, lines)
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	assert.Equal(t, []string{"one", "", "two\r", "three"}, lines)

	w.Each = func([]byte) error { return errors.New("full") }
	_, err := io.WriteString(w, "a\nb")
	require.EqualError(t, err, "full")
	require.EqualError(t, w.Close(), "full", "what came after it is not lost")
}
