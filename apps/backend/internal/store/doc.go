// Package store keeps the board in PostgreSQL: the queries, the connection pools, and the schema with its migrations.
//
// It owns all SQL. It translates the driver's errors into those of package board and decides nothing about HTTP.
package store
