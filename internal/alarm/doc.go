// Package alarm remembers what somebody was told of, so that each thing that is wrong is told
// once, again every day while it lasts ([Remind]), and once more when it is over.
//
// It does not own: what is wrong, and how a message gets to anybody (package notify).
package alarm
