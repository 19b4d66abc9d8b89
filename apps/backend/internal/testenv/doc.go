// Package testenv connects the integration tests to the PostgreSQL and Redis whose addresses they are given in
// TEST_DATABASE_URL and TEST_REDIS_URL, each test in a schema and under a key prefix of its own, and can cut the
// connection to them.
//
// A missing address fails the test: a test that is skipped proves nothing.
package testenv
