package bench

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStatistics(t *testing.T) {
	s := Sample{30, 10, 20}
	assert.Equal(t, 20.0, s.Median())
	assert.Equal(t, 1.0, s.Spread())
	assert.Equal(t, Sample{30, 10, 20}, s, "not sorted in place")
	assert.Equal(t, 15.0, Sample{10, 20}.Median())
	assert.True(t, math.IsNaN(Sample{}.Median()))
	assert.True(t, math.IsNaN(Sample{}.Spread()))
	// A slow round slows both: the ratio is of the rounds, not of the medians.
	assert.Equal(t, 0.5, Sample{50, 5, 40}.Ratio(Sample{100, 10, 80}))
	assert.Equal(t, 0.5, Sample{50, 50, 5, 5}.Ratio(Sample{100, 10}), "two numbers of each round")
	assert.True(t, math.IsNaN(Sample{}.Ratio(Sample{1})))
}
