package live

import (
	"strconv"
	"strings"
)

// Position is a place in the sequence of all changes. Redis counts Seq; Epoch is a random name of that count, which
// changes whenever Redis loses it. So positions of different instances are comparable, and those of before a flush are
// not mistaken for later ones.
type Position struct {
	Epoch string
	Seq   int64
}

// String is the form used as the id of an event; the zero Position is the empty string.
func (p Position) String() string {
	if p == (Position{}) {
		return ""
	}
	return p.Epoch + "-" + strconv.FormatInt(p.Seq, 10)
}

// ParsePosition is the reverse of String. It answers false for anything that String cannot have made.
func ParsePosition(s string) (Position, bool) {
	epoch, number, ok := strings.Cut(s, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || epoch == "" || seq < 0 {
		return Position{}, false
	}
	p := Position{Epoch: epoch, Seq: seq}
	if p.String() != s { // another spelling, such as +1 or 01
		return Position{}, false
	}
	return p, true
}
