package lint

// rules is every rule, one family a file.
var rules = concat(
	parseRules, directiveRules, pathRules, headerRules, proxyURIRules, resolverRules, ifRules, hostRules, serverRules,
	limitRules, splittingRules, clientRules, accessRules, logRules, tlsRules, gzipRules, cacheRules, keepaliveRules, regexRules,
	unreachableRules, upstreamRules, processRules, streamRules, stackRules,
)

func concat(lists ...[]Rule) []Rule {
	var out []Rule
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}
