package bench

import (
	"math"
	"slices"
)

// Sample is one number of every round.
type Sample []float64

// Median is the middle value; of an even count the mean of the two in the middle.
func (s Sample) Median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(s))
	m := len(v) / 2
	if len(v)%2 == 1 {
		return v[m]
	}
	return (v[m-1] + v[m]) / 2
}

// Spread is the distance from the lowest to the highest, as a part of the median. People see
// half of it, after a ±.
func (s Sample) Spread() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return (slices.Max(s) - slices.Min(s)) / s.Median()
}

// Ratio is the median of the rounds' own ratios to a peer: what both met in one round
// cancels out. So it is not the ratio of the medians: where the rounds differ much, those
// two may be far apart. Either may have several numbers of each round.
func (s Sample) Ratio(peer Sample) float64 {
	var r Sample
	n := max(len(s), len(peer))
	for i := range n {
		if len(s) > 0 && len(peer) > 0 {
			r = append(r, s[i*len(s)/n]/peer[i*len(peer)/n])
		}
	}
	return r.Median()
}
