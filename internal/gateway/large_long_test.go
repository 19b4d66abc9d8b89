//go:build integration && long

package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const gigabyte = 1 << 30

// endless is a body of a length, from nothing.
type endless struct{ left int64 }

var zeros = bytes.Repeat([]byte("0"), 64<<10)

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.left))
	for i := 0; i < n; i += len(zeros) {
		copy(p[i:n], zeros)
	}
	e.left -= int64(n)
	return n, nil
}

// A gigabyte streams both ways through 128 megabytes, and none of it into /tmp.
func TestGigabytesStream(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--memory", "128m", "--memory-swap", "128m", "--env", "BODY_LIMIT=2g")
	s.both()
	base := "http://" + s.address(s.gateway) + ":8080"
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableCompression: true, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10}}
	tmp := func() int {
		n, err := strconv.Atoi(strings.Fields(docker(t, "exec", s.gateway, "du", "-sk", "/tmp"))[0])
		require.NoError(t, err)
		return n
	}
	before := tmp()
	for _, path := range []string{"/api/big", "/big"} { // without buffers, and with
		began := time.Now()
		res, err := client.Get(base + path + "?type=video/mp4&size=" + strconv.Itoa(gigabyte))
		require.NoError(t, err)
		half, err := io.CopyN(io.Discard, res.Body, gigabyte/2)
		require.NoError(t, err)
		assert.Less(t, tmp(), before+1024, "kB in /tmp in the middle of a download")
		rest, err := io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.EqualValues(t, gigabyte, half+rest)
		t.Logf("download of %s: %s", path, time.Since(began))
	}
	began := time.Now()
	req, err := http.NewRequest("PUT", base+"/api/upload", &endless{gigabyte})
	require.NoError(t, err)
	req.ContentLength = gigabyte
	res, err := client.Do(req)
	r, err := read(res, err)
	require.NoError(t, err)
	assert.EqualValues(t, gigabyte, r.echo().BodyBytes)
	t.Logf("upload: %s", time.Since(began))
	assert.Less(t, tmp(), before+1024, "kB in /tmp")

	peak := docker(t, "exec", s.gateway, "sh", "-c", "cat /sys/fs/cgroup/memory.peak 2>/dev/null || cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes")
	n, err := strconv.ParseInt(peak, 10, 64)
	require.NoError(t, err)
	t.Logf("at most %d MB of memory", n>>20)
	assert.Less(t, n, int64(110<<20))
	assert.Equal(t, "false", docker(t, "inspect", "--format", "{{.State.OOMKilled}}", s.gateway))
	assert.Equal(t, "backend", s.identity("/api/x"))
}
