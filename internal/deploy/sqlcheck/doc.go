// Package sqlcheck finds statements of a migration that the release before cannot live
// with.
//
// It reads PostgreSQL's SQL into tokens, with its comments, strings, quoted names and
// dollar quotes, so that a word in a string or a comment is none. It does not know
// the schema and does not connect anywhere: it is pure, and says what a statement can do,
// not what it does to this database.
package sqlcheck
