package drill

import (
	"encoding/json"
	"slices"
	"strings"
)

// history reads evidence, oldest first and each drill once. What cannot be read, or was
// written in another form, is left out: the past must not stop a drill.
func history(list []json.RawMessage) (past []*Evidence) {
	seen := map[string]bool{}
	for _, text := range list {
		e := &Evidence{}
		if json.Unmarshal(text, e) != nil || e.ID == "" || len(e.Parts) == 0 || seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		past = append(past, e)
	}
	slices.SortFunc(past, func(a, b *Evidence) int { return strings.Compare(a.ID, b.ID) }) // ids begin with the time
	return past
}
