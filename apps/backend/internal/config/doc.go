// Package config turns the process environment into one checked value.
//
// It owns the names, defaults and limits of the settings, and the reading of secret files. It reports all problems at
// once and never puts a secret's value into an error or a log line. It opens no connection.
package config
