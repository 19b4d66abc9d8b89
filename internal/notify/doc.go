// Package notify tells people that something happened, through a webhook.
//
// A message is a POST of JSON. `text` alone is enough for Slack, Mattermost and the like;
// the other fields are for programs:
//
//	text              one message for people, with &, < and > escaped as Slack wants them
//	id                the same for each delivery of one message: a receiver may see it twice
//	event             what happened, e.g. backup.failed, backup.overdue, deploy.done
//	kind              of what, e.g. dump, full, prod
//	project, env      whose
//	host              where it happened
//	time              RFC 3339, UTC
//	duration_seconds  how long it took, when that means something
//	error             what went wrong, secrets masked, at most 2000 characters
//	next              the command or step to go on with
//
// Empty fields are left out. Delivered means answered with a status of 2xx. Trouble that
// may pass (no connection, 408, 425, 429, 5xx) is tried again, a few times, with growing
// pauses; anything else is not. A redirect is an error that says where it led: following it
// would hand the message to somebody else, or lose it. Certificates are always verified.
//
// What is told about must never suffer from the telling: [Sender.Notify] does not block and
// does not fail, and what could not be delivered goes to Config.Warn. The address itself is
// a secret (whoever has it may write to the channel), so no error shows more of it than its host.
//
// It does not own: what is worth telling, and whether it was told already.
package notify
