package receive

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Standby is the receiver's application_name, the one that synchronous_standby_names has.
const Standby = "drydock_receive"

// slotPrefix begins the names of our replication slots; see slotName.
const slotPrefix = "drydock_receive_"

// slotName has the system identifier in it: pg_receivewal asks for the slot by name, so a
// database that was made anew in the meantime refuses it before a byte of another
// history reaches the folder.
func slotName(system string) string { return slotPrefix + system }

// LSN is a position in the WAL, in bytes.
type LSN uint64

// ParseLSN reads PostgreSQL's form, two hexadecimal halves with a slash.
func ParseLSN(text string) (LSN, error) {
	high, low, ok := strings.Cut(text, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is no position in the WAL such as 0/16B3748", text)
	}
	return LSN(h<<32 | l), nil
}

// String is PostgreSQL's form.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) }

// Segment is one file of the WAL.
type Segment struct {
	Timeline uint32
	Number   uint64 // from the beginning of the WAL, in segments
}

const partialSuffix = ".partial"

var segmentName = regexp.MustCompile(`^[0-9A-F]{24}$`)

// ParseSegment reads a file's name (XLogFromFileName in PostgreSQL's xlog_internal.h);
// false for anything else, a partial segment included. size is that of a segment in bytes.
func ParseSegment(name string, size uint64) (Segment, bool) {
	if !segmentName.MatchString(name) {
		return Segment{}, false
	}
	var part [3]uint64
	for i := range part {
		part[i], _ = strconv.ParseUint(name[8*i:8*i+8], 16, 32) // the expression has seen that it is one
	}
	per := uint64(1<<32) / size
	if part[2] >= per {
		return Segment{}, false
	}
	return Segment{Timeline: uint32(part[0]), Number: part[1]*per + part[2]}, true
}

// Name is the file's name.
func (s Segment) Name(size uint64) string {
	per := uint64(1<<32) / size
	return fmt.Sprintf("%08X%08X%08X", s.Timeline, s.Number/per, s.Number%per)
}

// Start is the position of its first byte.
func (s Segment) Start(size uint64) LSN { return LSN(s.Number * size) }

// runID names a run's folder.
type runID struct {
	Timeline uint32
	Number   int // 1 is the first of its timeline
}

var runName = regexp.MustCompile(`^([0-9A-F]{8})-([0-9]{4,})$`)

func parseRun(name string) (runID, bool) {
	m := runName.FindStringSubmatch(name)
	if m == nil {
		return runID{}, false
	}
	timeline, _ := strconv.ParseUint(m[1], 16, 32) // the expression has seen that it is one
	number, err := strconv.Atoi(m[2])
	return runID{uint32(timeline), number}, err == nil
}

func (r runID) String() string { return fmt.Sprintf("%08X-%04d", r.Timeline, r.Number) }

func (r runID) compare(other runID) int {
	return cmp.Or(cmp.Compare(r.Timeline, other.Timeline), cmp.Compare(r.Number, other.Number))
}
