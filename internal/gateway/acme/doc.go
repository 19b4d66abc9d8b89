// Package acme keeps the gateway's certificate fresh with an ACME authority (RFC 8555):
// Let's Encrypt, or a private one.
//
// It owns the account, the order, the HTTP-01 answers (files that nginx serves), the
// schedule, and the words in which a failure is told. The pair lies in a certs.Store, so
// that nginx always finds a whole one; a failure leaves the one in use as it is.
//
//	Options.Store/
//	    accounts/<directory>/key.pem, account.json   one account a directory, used again
//	    pairs/, current, previous                    see certs.Store
//	    status.json                                  what was tried, and when
//	    lock                                         held while something changes here
//
// It does not reload nginx (its caller's onChange does), and does not serve HTTP.
//
// The protocol's messages are lego's (its package acme/api); the flow is here, because
// each of its waits must end with the context, each domain's error must stay what the
// server said, and every answer's Retry-After counts.
package acme
