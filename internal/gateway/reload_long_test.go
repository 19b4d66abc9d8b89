//go:build integration && long

package gateway_test

import "testing"

func TestHundredReloadsLoseNoRequest(t *testing.T) { reloadsLoseNoRequest(t, 100) }
