package env

import "strings"

// Setting says whether a command reads this key from its environment, and which known one
// was likely meant when it does not.
func Setting(key string) (known bool, meant string) {
	if _, ok := byName()[key]; ok || key == "ENV" || isUserKey(key) || isSecretFile(key) {
		return true, ""
	}
	return false, nearest(key, append(knownKeys(), "ENV"))
}

// Masked says whether the value of a key must not be shown.
func Masked(key string) bool { return byName()[key].Secret || userSecret.MatchString(key) }

// nearest is Nearest for keys, however they are spelt.
func nearest(name string, candidates []string) string {
	return Nearest(strings.ToUpper(strings.ReplaceAll(name, "-", "_")), candidates)
}

// The process environment has names of other programs, too, so an unknown one there is no
// error; but a near miss of one of these is hardly meant for another program.
var ourPrefixes = []string{"BACKEND_", "FRONTEND_", "DB_", "REDIS_", "BACKUP_"}

// nearMisses are variables of the process environment that nobody reads and that look like
// settings. A user's own (BACKEND_ENV_* and the like) have free names, and what the containers
// get (REDIS_HOST) may stand in anybody's shell.
func nearMisses(process map[string]string) []Problem {
	var p Problems
	known := knownKeys()
	for _, key := range sortedKeys(process) {
		name, ours := key, false
		for _, prefix := range ourPrefixes {
			if rest, ok := strings.CutPrefix(key, prefix); ok {
				name, ours = rest, true
			}
		}
		_, taken := reserved[key]
		if is, _ := Setting(key); is || !ours || taken || userPrefix(key) != "" {
			continue
		}
		most := 1
		if len(name) > 5 {
			most = 2 // of a short name that would be another word: HOST and PORT
		}
		if near := nearest(key, known); near != "" && distance(key, near) <= most {
			p.add(fromProcess, key, "no setting, and nobody reads it", "did you mean "+near+"?")
		}
	}
	return p.List
}

// Nearest returns the candidate with the smallest edit distance to name, or ""
// when none is near enough to be what was meant.
func Nearest(name string, candidates []string) string {
	best, least := "", 1+max(1, len(name)/4)
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
