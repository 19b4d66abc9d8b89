package plot

import (
	"math"
	"time"
)

// topTick is the least of 1, 2, 5 times a power of ten that is not below v: what the axis
// ends with. 1 for nothing to show.
func topTick(v float64) float64 {
	if v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// steps between the ticks of a time axis.
var steps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 7 * day, 14 * day, 30 * day, 90 * day, 180 * day, 365 * day,
}

const day = 24 * time.Hour

// ticksMax is how many labels fit on a phone.
const ticksMax = 4

type tick struct {
	at    time.Time
	label string
}

// timeTicks are at most ticksMax round moments between from and to, in UTC.
func timeTicks(from, to time.Time) []tick {
	from, to = from.UTC(), to.UTC()
	span := to.Sub(from)
	if span <= 0 {
		return []tick{{from, from.Format("Jan 2 15:04")}}
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if span/s < ticksMax {
			step = s
			break
		}
	}
	if n := span / ticksMax; n > step { // centuries: never an endless list
		step = n
	}
	layout := "Jan 2"
	switch {
	case step < time.Minute:
		layout = "15:04:05"
	case step < day && from.YearDay() == to.YearDay() && span < day:
		layout = "15:04"
	case step < day:
		layout = "Jan 2 15:04"
	case step >= 180*day:
		layout = "Jan 2006"
	}
	var list []tick
	for at := from.Truncate(step); !at.After(to); at = at.Add(step) {
		if !at.Before(from) {
			list = append(list, tick{at, at.Format(layout)})
		}
	}
	return list
}
