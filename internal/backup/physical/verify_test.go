package physical

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// As pgBackRest 2.55 writes it with --output=text --verbose: all counts are in one line, also
// the ones of a repository that is sound.
func TestReadingTheReportOfVerify(t *testing.T) {
	const zero = "missing: 0, checksum invalid: 0, size invalid: 0, other: 0"
	report := func(archive, status, backup string) string {
		return "stanza: main\nstatus: ok\n  archiveId: 17-1, total WAL checked: 14, total valid WAL: 14\n    " + archive +
			"\n  backup: 20260131-000127F, status: " + status + ", total files checked: 1268, total valid files: 1268\n    " + backup + "\n"
	}
	for name, c := range map[string]struct {
		text string
		want []Damage
	}{
		"sound":              {report(zero, "valid", zero), nil},
		"a piece of the log": {report("missing: 0, checksum invalid: 1, size invalid: 0, other: 0", "valid", zero), []Damage{{"", "pgbackrest verify: archived log, checksum invalid: 1"}}},
		"files of a backup": {report(zero, "invalid", "missing: 2, checksum invalid: 0, size invalid: 1, other: 0"),
			[]Damage{{"20260131-000127F", "pgbackrest verify: invalid, missing: 2, size invalid: 1"}}},
		"a backup, and no count": {report(zero, "manifest missing", zero), []Damage{{"20260131-000127F", "pgbackrest verify: manifest missing"}}},
		"nothing there":          {"stanza: main\nstatus: ok\n  no archives or backups exist in the repo\n", nil},
	} {
		assert.Equal(t, c.want, parseVerify(c.text), name)
	}
}
