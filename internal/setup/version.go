package setup

import (
	"regexp"
	"strconv"
	"strings"
)

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// findVersion returns the first dotted number in a program's own words:
// "Docker version 20.10.24+dfsg1, build 297e128" gives 20.10.24.
func findVersion(text string) string { return versionNumber.FindString(text) }

// older compares dotted numbers part by part; a missing part is 0, and what
// follows the number (+dfsg1, -rc.1, ~ds1) does not count. Something without a
// number, as a build from a working tree says of itself, is not older.
func older(version, than string) bool {
	a, b := parts(version), parts(than)
	if len(a) == 0 {
		return false
	}
	for i := range b {
		have := 0
		if i < len(a) {
			have = a[i]
		}
		if have != b[i] {
			return have < b[i]
		}
	}
	return false
}

func parts(version string) []int {
	var numbers []int
	for p := range strings.SplitSeq(findVersion(version), ".") {
		n, err := strconv.Atoi(p)
		if err != nil {
			return numbers
		}
		numbers = append(numbers, n)
	}
	return numbers
}
