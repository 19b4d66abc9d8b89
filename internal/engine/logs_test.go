package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func frame(stream byte, text string) []byte {
	b := make([]byte, 8, 8+len(text))
	b[0] = stream
	binary.BigEndian.PutUint32(b[4:], uint32(len(text)))
	return append(b, text...)
}

func TestReadFrames(t *testing.T) {
	const at = "2024-05-06T07:08:09.123456789Z "
	in := bytes.Join([][]byte{
		frame(1, at+"out\n"), frame(2, at+"err\r\n"), frame(1, at+"\n"),
		frame(1, at+strings.Repeat("a", 10)), frame(2, at+"between\n"), frame(1, at+"bb\n"), // a long line in parts
		frame(1, at+"no end"),
	}, nil)
	var got []string
	err := readFrames(bytes.NewReader(in), func(stderr bool, line string) error {
		when, text := cutTime(line)
		assert.Equal(t, time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC), when)
		if stderr {
			text = "2>" + text
		}
		got = append(got, text)
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"out", "2>err", "", "2>between", "aaaaaaaaaabb", "no end"}, got)
}

func TestReadFramesRefusesWhatIsNone(t *testing.T) {
	ok := func(bool, string) error { return nil }
	assert.ErrorContains(t, readFrames(bytes.NewReader(frame(3, "broken log\n")), ok), "broken log")
	assert.ErrorContains(t, readFrames(strings.NewReader("HTTP/1.1 400 Bad"), ok), "stream 72")
	assert.ErrorContains(t, readFrames(bytes.NewReader(frame(1, "abc")[:9]), ok), "cut off")
	stop := errors.New("enough")
	assert.ErrorIs(t, readFrames(bytes.NewReader(frame(1, "x\n")), func(bool, string) error { return stop }), stop)
}

// FuzzReadFrames looks for input that makes it panic or take memory without bound.
func FuzzReadFrames(f *testing.F) {
	f.Add(frame(1, "2024-05-06T07:08:09Z text\n"))
	f.Add([]byte{1, 0, 0, 0, 255, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		_ = readFrames(bytes.NewReader(in), func(bool, string) error { return nil })
	})
}

func TestStampIsExactAndHasNoZone(t *testing.T) {
	assert.Equal(t, "", stamp(time.Time{}))
	assert.Equal(t, "1700000000.000000001", stamp(time.Unix(1700000000, 1)))
}

func TestReadRaw(t *testing.T) {
	var got []string
	require.NoError(t, readRaw(strings.NewReader("a\r\nb\nc"), func(_ bool, l string) error {
		got = append(got, l)
		return nil
	}))
	assert.Equal(t, []string{"a", "b", "c"}, got)
}
