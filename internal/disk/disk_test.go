package disk

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

const g = 1 << 30

func TestDisks(t *testing.T) {
	assert.Equal(t, []Disk{{[]string{"engine", "backups"}, 40*g - 4096, 100 * g}, {[]string{"physical"}, 9 * g, 200 * g}},
		Together([]Filesystem{{"engine", 40 * g, 100 * g}, {"backups", 40*g - 4096, 100 * g}, {"physical", 9 * g, 200 * g}}))
	assert.Len(t, Together([]Filesystem{{"engine", 40 * g, 100 * g}, {"backups", 60 * g, 100 * g}}), 2, "two disks of one size")
	assert.Equal(t, "the disk with Docker's data, the database, tapes has 4GiB of 100GiB left", Disk{[]string{"engine", "database", "tapes"}, 4 * g, 100 * g}.Says())
}

func TestWhatIsShort(t *testing.T) {
	for name, c := range map[string]struct {
		limit       Limit
		free, total int64
		short, well bool
	}{
		"plenty":                   {Limit{10, 5 * g}, 50 * g, 100 * g, false, true},
		"a tenth, to the byte":     {Limit{10, 5 * g}, 10 * g, 100 * g, false, false},
		"a byte less":              {Limit{10, 5 * g}, 10*g - 100, 100 * g, true, false},
		"a little above":           {Limit{10, 5 * g}, 11 * g, 100 * g, false, false},
		"well above":               {Limit{10, 5 * g}, 13 * g, 100 * g, false, true},
		"a small disk, by bytes":   {Limit{10, 5 * g}, 4 * g, 20 * g, true, false},
		"by bytes, a little above": {Limit{0, 5 * g}, 5*g + 1, 20 * g, false, false},
		"no limit":                 {Limit{}, 0, 100 * g, false, true},
	} {
		d := Disk{Free: c.free, Total: c.total}
		assert.Equal(t, c.short, c.limit.Short(d), name)
		assert.Equal(t, c.well, c.limit.Well(d), name)
	}
}
