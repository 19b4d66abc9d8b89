package env

import "fmt"

// FromProcess is the origin of a value that was given with the command.
const FromProcess = "process environment"

// Origin says where a value came from.
type Origin struct {
	File string // relative to the root where it lies below it; "" for the places named by Note
	Line int    // from 1; 0 for a file that is one value
	Note string // "process environment", "default", "host: ...", or more about the file
}

// The origins without a file.
var (
	fromProcess = Origin{Note: FromProcess}
	fromDefault = Origin{Note: "default"}
	fromNowhere = Origin{Note: "not set"}
)

// String is file:line, with the note where there is one.
func (o Origin) String() string {
	at := o.File
	if o.Line > 0 {
		at = fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	switch {
	case at == "":
		return o.Note
	case o.Note == "":
		return at
	}
	return at + " (" + o.Note + ")"
}
