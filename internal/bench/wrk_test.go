package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const wrkOutput = `Running 4s test @ http://172.18.0.4:8080/api/x
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     9.75ms    7.04ms  72.48ms   84.36%
    Req/Sec     3.59k   521.42     4.84k    65.00%
  Latency Distribution
     50%    7.83ms
     75%   11.89ms
     90%   17.77ms
     99%   42.13ms
  14310 requests in 4.02s, 15.92MB read
  Socket errors: connect 0, read 3, write 1, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:   3794.47
Transfer/sec:      3.96MB
`

func TestParseWrk(t *testing.T) {
	r, err := parseWrk([]byte(wrkOutput))
	require.NoError(t, err)
	assert.Equal(t, wrkResult{Requests: 3794.47, P99: 42130 * time.Microsecond, Bad: 7, SocketErr: 6}, r)
	_, err = parseWrk([]byte("unable to connect to 127.0.0.1:1 Connection refused"))
	assert.ErrorContains(t, err, "Connection refused")
}
