// Package health decides whether this instance can serve: whether PostgreSQL and Redis answer within a second and the
// schema is current, and whether the instance is about to stop.
//
// It asks through functions it is given and knows no driver.
package health
