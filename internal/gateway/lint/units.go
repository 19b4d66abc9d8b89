package lint

import (
	"strconv"
	"strings"
	"time"
)

// parseSize reads 10m, 512k, 1g or bytes; -1 if it is none (a variable).
func parseSize(s string) int64 {
	s = strings.ToLower(s)
	unit := int64(1)
	switch {
	case strings.HasSuffix(s, "k"):
		unit, s = 1<<10, s[:len(s)-1]
	case strings.HasSuffix(s, "m"):
		unit, s = 1<<20, s[:len(s)-1]
	case strings.HasSuffix(s, "g"):
		unit, s = 1<<30, s[:len(s)-1]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return -1
	}
	return n * unit
}

func showSize(n int64) string {
	switch {
	case n%(1<<30) == 0:
		return strconv.FormatInt(n>>30, 10) + "g"
	case n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "m"
	case n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "k"
	}
	return strconv.FormatInt(n, 10)
}

// parseTime reads nginx's times: 30s, 1m30s, 500ms, 1h, 2d, or seconds; 0 if it is none.
func parseTime(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(n) * time.Second
	}
	units := []struct {
		name string
		d    time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"M", 30 * 24 * time.Hour}, {"y", 365 * 24 * time.Hour}}
	var total time.Duration
	for s != "" {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(s[:i])
		if err != nil {
			return 0
		}
		s = strings.TrimLeft(s[i:], " ")
		found := false
		for _, u := range units {
			if strings.HasPrefix(s, u.name) && (u.name != "m" || !strings.HasPrefix(s, "ms")) {
				total += time.Duration(n) * u.d
				s = strings.TrimLeft(s[len(u.name):], " ")
				found = true
				break
			}
		}
		if !found {
			return 0
		}
	}
	return total
}
