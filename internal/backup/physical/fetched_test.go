package physical

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Who restored something is told which backup it was, by the name that backup:list shows, and as of when.
func TestFetchedOf(t *testing.T) {
	end, until := time.Date(2026, 11, 29, 3, 13, 44, 0, time.UTC), time.Date(2026, 11, 29, 4, 0, 0, 0, time.UTC)
	b := Backup{Label: "20261129-031344F", Stop: end}
	at := time.Date(2026, 11, 29, 11, 30, 0, 0, time.FixedZone("", 8*3600))
	for want, target := range map[string]Target{
		"20261129-031344F as of 2026-11-29 11:30:00 +08:00": {Backup: b, Window: Window{Until: until}, Time: at},
		"20261129-031344F as of 2026-11-29 04:00:00 +00:00": {Backup: b, Window: Window{Until: until}},
		"20261129-031344F as of 2026-11-29 03:13:44 +00:00": {Backup: b, Window: Window{Until: until}, Now: true},
		"20261129-031344F": {Backup: b},
	} {
		assert.Equal(t, want, Repo{Name: Local}.FetchedOf(target, "17").String())
	}
	assert.Equal(t, "42-x (20261129-031344F)", Fetched{ID: "42-x", Label: b.Label}.String())
}
