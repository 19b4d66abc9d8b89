package image

import units "github.com/docker/go-units"

// size writes a number of bytes for people, in the decimal units that docker uses.
func size(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }
