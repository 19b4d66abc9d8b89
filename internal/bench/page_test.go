package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/engine"
)

func TestPageHasNoNumberWithoutItsPeer(t *testing.T) {
	slow, quick := Sample{10, 12, 11}, Sample{5, 6, 5.5}
	rows := []Row{
		row("dumps", "plain", "s", slow, "plain", slow), row("dumps", "ours", "s", quick, "plain", slow),
		row("commands", "alone", "ms", slow, "", nil),
	}
	var b strings.Builder
	require.NoError(t, Page(&b, rows, engine.Info{CPUs: 2, Memory: 4 << 30, Kernel: "6.1", Version: "29.0"}, time.Unix(0, 0)))
	for _, want := range []string{
		"on 1970-01-01", "| machine | 2 processors, 4 GiB |", "## Dumps\n", "| plain | 11.0 s | ±9 % | the peer |",
		"| ours | 5.50 s | ±9 % | 0.50 of `plain` |", "## Commands\n",
	} {
		assert.Contains(t, b.String(), want)
	}
}

func TestAFailureHasARatioToNone(t *testing.T) {
	assert.Equal(t, "0.00", number(0))
	once := row("requests that failed", "a | b", "requests", Sample{0, 0, 3}, "theirs", Sample{5, 5, 5})
	assert.Equal(t, "0.00 to 3.00", once.spread(), "a round that had some is not hidden")
	_, err := json.Marshal(once)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, Page(&b, []Row{once}, engine.Info{}, time.Unix(0, 0)))
	assert.Contains(t, b.String(), `| a \| b | 0.00 requests | 0.00 to 3.00 | 0.00 of `)
	r := row("requests that failed", "ours", "requests", Sample{0, 0}, "theirs", Sample{0, 0})
	assert.Empty(t, r.Peer, "nothing of nothing is no ratio")
}
