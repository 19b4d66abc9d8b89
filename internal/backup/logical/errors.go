package logical

import (
	"errors"
	"fmt"

	"drydock/internal/run"
)

// What went wrong, for callers that decide by it. Texts say what was found and what to do.
var (
	// ErrRefused is a request that was not begun: nothing was written or changed. Its exit
	// code is run.CodeBadInput.
	ErrRefused = errors.New("refused")
	// ErrEmpty is a database without any table, most often the wrong one. It is ErrRefused, too.
	ErrEmpty = errors.New("the database holds no table")
	// ErrDamaged is a backup that is not what its manifest says.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrDifferent is a restored database that is not what the manifest says.
	ErrDifferent = errors.New("the restored database differs from the backup")
)

// refuse makes an ErrRefused with its exit code.
func refuse(format string, args ...any) error {
	return run.WithCode(run.CodeBadInput, marked{fmt.Errorf(format, args...), ErrRefused})
}

// marked is an error that also matches another one, which does not show in its text.
type marked struct{ err, mark error }

func (m marked) Unwrap() []error { return []error{m.err, m.mark} }
func (m marked) Error() string   { return m.err.Error() }
