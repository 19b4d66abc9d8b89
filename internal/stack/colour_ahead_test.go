package stack

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAnAnswerOfTheGatewayHoldsForAMoment(t *testing.T) {
	now := time.Now()
	assert.True(t, gatewayAnswer{at: now.Add(-time.Second)}.holds(now))
	assert.False(t, gatewayAnswer{at: now.Add(-fresh)}.holds(now), "a deploy may have switched meanwhile")
	assert.False(t, gatewayAnswer{at: now, err: errors.New("no gateway runs")}.holds(now))
	assert.False(t, gatewayAnswer{}.holds(now), "it was not asked")
}
