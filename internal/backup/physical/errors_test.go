package physical

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

// On a full disk pgBackRest may only say that it waited for the log in vain.
func TestAFullDiskIsNamed(t *testing.T) {
	waited := errors.New("WAL segment 00000001000000000000000A was not archived before the 60000ms timeout")
	said := explain(Repo{Name: Local}, "backup", "ERROR: [082]: unable to flush: [28] No space left on device", &run.Error{Name: "pgbackrest", Code: 82})
	for name, c := range map[string]struct {
		err  error
		free int64
		full bool
	}{
		"there is room":             {nil, leastFree, false},
		"nothing can begin":         {nil, leastFree - 1, true},
		"the log was waited for":    {waited, 0, true},
		"it failed for its own":     {waited, 1 << 30, false},
		"pgBackRest said so itself": {said, 1 << 30, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := outOfSpace(c.err, c.free)
			require.Equal(t, c.full, errors.Is(got, ErrFull), "%v", got)
			if c.err != nil {
				require.ErrorIs(t, got, c.err)
			}
			if c.full {
				assert.ErrorContains(t, got, "give the volume more space")
				assert.NotZero(t, run.Code(got))
			}
		})
	}
}

// What begins a new repository in one place takes good backups away in the other.
func TestALostKeyNamesItsOwnRepository(t *testing.T) {
	for name, c := range map[string]struct{ has, hasNot string }{S3: {"BACKUP_S3_PATH", "volume"}, Local: {"volume", "BACKUP_S3_PATH"}} {
		err := explain(Repo{Name: name}, "info", "ERROR: [095]: unable to flush", &run.Error{Name: "pgbackrest", Code: 95})
		require.ErrorIs(t, err, ErrKey)
		assert.ErrorContains(t, err, c.has)
		assert.NotContains(t, err.Error(), c.hasNot)
	}
}
