// Package disk says whether the disks that an environment stands on have enough left. It is
// pure: how much that is, others ask.
package disk

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/docker/go-units"
)

// Filesystem is what a file system has left, as who sees it says.
type Filesystem struct {
	Of    string `json:"of"`    // whose data is on it: engine, database, backups, physical
	Free  int64  `json:"free"`  // bytes
	Total int64  `json:"total"` // bytes
}

// Disk is a file system with all that is on it.
type Disk struct {
	Of    []string `json:"of"`
	Free  int64    `json:"free"`  // bytes
	Total int64    `json:"total"` // bytes
}

// between is how much may be written between two questions about one disk, in bytes.
const between = 64 << 20

// Together puts together what is on one disk, which mostly is everything. Two of the same
// size to the byte, with as much left but for what was written between two questions, are one.
func Together(list []Filesystem) []Disk {
	out := []Disk{}
next:
	for _, f := range list {
		for i, d := range out {
			if d.Total == f.Total && max(d.Free-f.Free, f.Free-d.Free) < between {
				out[i].Of, out[i].Free = append(d.Of, f.Of), min(d.Free, f.Free)
				continue next
			}
		}
		out = append(out, Disk{Of: []string{f.Of}, Free: f.Free, Total: f.Total})
	}
	return out
}

// Data names what is on it, for people.
func (d Disk) Data() string {
	names := map[string]string{"engine": "Docker's data", "database": "the database", "backups": "the backups", "physical": "the physical backups"}
	var list []string
	for _, of := range d.Of {
		list = append(list, cmp.Or(names[of], of))
	}
	return strings.Join(list, ", ")
}

// Says is how much it has left, for people.
func (d Disk) Says() string {
	return fmt.Sprintf("the disk with %s has %s of %s left", d.Data(), units.BytesSize(float64(d.Free)), units.BytesSize(float64(d.Total)))
}

// Limit is how much has to be left.
type Limit struct {
	Percent int   `json:"percent"` // DISK_LEFT_PERCENT, of the whole
	Bytes   int64 `json:"bytes"`   // DISK_LEFT
}

// Short says that a disk is about to be full.
func (l Limit) Short(d Disk) bool { return d.Free < d.Total/100*int64(l.Percent) || d.Free < l.Bytes }

// margin is by how much, in per cent of the whole and of Bytes, a disk that was short has to
// be above the limit to be well again: who stands on the line is told once, not every minute.
const (
	marginPercent = 2
	marginBytes   = 10
)

// Well says that a disk that was short has enough again.
func (l Limit) Well(d Disk) bool {
	higher := Limit{l.Percent, l.Bytes + l.Bytes/100*marginBytes}
	if higher.Percent > 0 {
		higher.Percent += marginPercent
	}
	return !higher.Short(d)
}
