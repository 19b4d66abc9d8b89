//go:build integration

package retain

// cases is more where there is time.
const cases = 10_000
