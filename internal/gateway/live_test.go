package gateway

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/gateway/render"
)

// What a gateway has only assumed is no knowledge.
func TestTheWrittenColour(t *testing.T) {
	for text, want := range map[string]render.Colour{
		`{"active":"green","generation":7,"changed":"2026-01-02T03:04:05Z"}`: render.Green,
		`{"active":"blue"}`:                 render.Blue,
		`{"active":"green","assumed":true}`: "",
		`{"active":"red"}`:                  "",
		`{"active":"gre`:                    "",
		"":                                  "",
	} {
		assert.Equal(t, want, WrittenColour([]byte(text)), text)
	}
}
