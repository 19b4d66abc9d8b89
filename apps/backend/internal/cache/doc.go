// Package cache keeps the board's counters in Redis so that they cost no count over the table.
//
// PostgreSQL stays the truth: an empty, stopped or restarted Redis makes the answer slower, never wrong.
package cache
