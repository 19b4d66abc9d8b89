// Package board is the heart of the service: what a note is, which notes are valid, and what has to happen when one
// changes (store it, forget the cached counters, tell every open page).
//
// It knows neither HTTP nor SQL nor Redis: those sit behind the interfaces of service.go.
package board
