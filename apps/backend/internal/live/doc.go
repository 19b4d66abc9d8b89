// Package live brings every change to every open page.
//
// Bus talks to Redis: it numbers and publishes the changes of this instance and holds the one subscription through which
// it hears those of all instances. Hub fans out to the pages of this instance as ready-made server-sent events, keeps
// the latest ones for pages that reconnect, and disconnects pages that read too slowly. Where continuity is not certain
// (Redis restarted, a number is missing) pages are told to resync; an event is never lost in silence.
//
// It does not know HTTP: package httpapi writes the frames.
package live
