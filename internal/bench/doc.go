// Package bench measures the product beside its peers, in one run on one machine.
//
// It owns the scenes (which containers stand on which network), the rounds (peers take
// turns, so that a slow minute of the machine meets all of them), the statistics, and
// their rendering. A number never stands without its peer's, or the reason why it has none.
//
// It is no test: it asserts nothing but that the measured thing worked, and that the few
// ratios with a bound kept it.
package bench
