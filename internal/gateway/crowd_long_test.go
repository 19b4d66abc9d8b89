//go:build integration && long

package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// moreFiles lets this process have as many files as it may.
func moreFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	require.GreaterOrEqual(t, limit.Max, n, "the test needs so many open files: ulimit -n")
	limit.Cur = limit.Max
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}

// latency is the 99th percentile of requests, one after the other on new connections.
func latency(t *testing.T, address string, n int) time.Duration {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	var times []time.Duration
	for range n {
		began := time.Now()
		res, err := c.Get("http://" + address + "/api/x")
		r, err := read(res, err)
		require.NoError(t, err)
		require.Equal(t, 200, r.status)
		times = append(times, time.Since(began))
	}
	slowest := times[0]
	second := time.Duration(0)
	for _, d := range times[1:] {
		if d > slowest {
			slowest, second = d, slowest
		} else if d > second {
			second = d
		}
	}
	return second // of 100 to 200 requests
}

// Ten thousand connections that are open and idle, and two hundred clients that send a
// byte now and then, leave the others alone.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const idle, slow = 10_000, 200
	moreFiles(t, idle+slow+500)
	s := newSite(t, "--ulimit", "nofile=20000:20000", "--memory", "256m")
	s.both()
	address := s.address(s.gateway) + ":8080"
	before := latency(t, address, 100)

	conns := make([]net.Conn, idle)
	var all sync.WaitGroup
	for worker := range 20 {
		all.Go(func() {
			for i := worker; i < idle; i += 20 {
				conn, err := net.DialTimeout("tcp", address, 10*time.Second)
				if !assert.NoError(t, err, "connection %d", i) {
					return
				}
				conns[i] = conn
				if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); !assert.NoError(t, err) {
					return
				}
				r, err := readOne(bufio.NewReader(conn))
				if !assert.NoError(t, err) || !assert.Equal(t, 200, r.status) {
					return
				}
			}
		})
	}
	all.Wait()
	t.Cleanup(func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	})
	require.False(t, t.Failed())

	began := time.Now()
	stop, ended := make(chan struct{}), make(chan time.Duration, slow)
	for i := range slow {
		conn, err := net.DialTimeout("tcp", address, 10*time.Second)
		require.NoError(t, err)
		defer conn.Close()
		text, more := "GET /api/x HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n"
		if i%2 == 0 {
			text, more = "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "x"
		}
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(500 * time.Millisecond):
					if _, err := io.WriteString(conn, more); err != nil {
						ended <- time.Since(began) // the gateway had enough of it
						return
					}
				}
			}
		})
	}
	p99 := latency(t, address, 200)
	// Those that do not finish their request are sent away.
	select {
	case d := <-ended:
		assert.Greater(t, d, 10*time.Second, "a slow network is no crime")
	case <-time.After(30 * time.Second):
		t.Error("slow clients may stay")
	}
	close(stop)
	all.Wait()
	t.Logf("p99 %s before, %s among them", before, p99)
	assert.Less(t, p99, max(500*time.Millisecond, 5*before))
	// They are still there: nobody was thrown out to make place.
	for i := 0; i < idle; i += 97 {
		require.NoError(t, conns[i].SetDeadline(time.Now().Add(10*time.Second)))
		_, err := fmt.Fprint(conns[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err, i)
		r, err := readOne(bufio.NewReader(conns[i]))
		require.NoError(t, err, i)
		require.Equal(t, 200, r.status)
	}
	_, stderr := s.log()
	assert.NotContains(t, stderr, "worker_connections are not enough")
	assert.NotContains(t, stderr, "Too many open files")
	s.until("it is gone, which takes a while with so many connections", func() bool {
		_, err := tryDocker("rm", "--force", s.gateway)
		return err == nil
	})
}
