//go:build !integration

package retain

// cases is how many random repositories each property is held against.
const cases = 1000
