package notify

import "errors"

// toldError is a failure that somebody was told of by a message of its own.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

// Told marks a failure that somebody was told of, so that nobody tells of it again.
func Told(err error) error {
	if err == nil {
		return nil
	}
	return toldError{err}
}

// WasTold says whether somebody was told of a failure already.
func WasTold(err error) bool {
	var told toldError
	return errors.As(err, &told)
}
