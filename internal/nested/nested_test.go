package nested

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	got, err := options("Name:\tx\nCapBnd:\t000001ffffffffff\nCapAmb:\t0\n", "40\n")
	require.NoError(t, err)
	assert.Equal(t, []string{"--privileged"}, got)

	got, err = options("CapBnd:\t0000000000000005\n", "40\n")
	require.NoError(t, err)
	assert.Equal(t, []string{"--cap-add", "CHOWN", "--cap-add", "DAC_READ_SEARCH"}, got[len(got)-4:], "those that are there")
	assert.NotContains(t, got, "--privileged")

	for _, broken := range [][2]string{{"Name: x\n", "40"}, {"CapBnd:\t05\n", "?"}} {
		_, err = options(broken[0], broken[1])
		assert.ErrorContains(t, err, "capabilities of this machine")
	}
}
