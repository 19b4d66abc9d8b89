package report

import (
	"fmt"
	"time"

	"drydock/internal/backup/physical"
	"drydock/internal/backup/schedule"
	"drydock/internal/env"
)

// backupGrace is how long a backup may take, and its schedule be late: as much as the backup
// service gives before it says backup.overdue.
const backupGrace = 6 * time.Hour

// expected are the series of backups that the settings want, for an environment that began at
// some time: before the first one was due, none is missing.
func expected(s *env.Settings, begun, now time.Time) ([]Expected, error) {
	since := func(lines ...string) (at time.Time, any bool, err error) {
		for _, text := range lines {
			if text == "never" || text == "" {
				continue
			}
			line, err := schedule.ParseLine(text, s.Backup.Zone)
			if err != nil {
				return at, true, fmt.Errorf("reading when backups are due: %w", err)
			}
			any = true
			if last, n := line.Latest(begun, now.Add(-backupGrace)); n > 0 && last.After(at) {
				at = last.UTC()
			}
		}
		return at, any, nil
	}
	list := []Expected{}
	at, wanted, err := since(s.Backup.Dump)
	if err != nil {
		return nil, err
	}
	if wanted {
		list = append(list, Expected{Kind: "dump", Since: at})
	}
	p := s.Backup.Physical
	if at, wanted, err = since(p.Full, p.Differential, p.Incremental); err != nil {
		return nil, err
	}
	if !wanted || !s.Physical() {
		return list, nil
	}
	list = append(list, Expected{Kind: "physical", Place: physical.Local, Since: at})
	if p.S3.Endpoint != "" {
		list = append(list, Expected{Kind: "physical", Place: physical.S3, Since: at})
	}
	return list, nil
}
