package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMeans(t *testing.T) {
	const id = "00000042-20261130T101112Z"
	for asked, want := range map[string]bool{
		id: true, "42": true, "042": true, "00000042": true,
		"": false, "0": false, "4": false, "420": false, "-42": false, "42x": false, "4 2": false, "gone": false,
		"00000042-20261130T101113Z": false, "99999999999999999999": false,
	} {
		assert.Equal(t, want, Means(asked, id), asked)
	}
}
