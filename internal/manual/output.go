package manual

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// CheckOutput demands that the lines of a page are in an output, in this order; others may
// stand between them. `...` in a line stands for anything, and how many blanks there are does
// not matter, since columns are as wide as what is in them.
func CheckOutput(want []string, got string) error {
	lines := strings.Split(got, "\n")
	at := 0
	for _, w := range want {
		w = strings.Join(strings.Fields(w), " ")
		if strings.Trim(w, ". ") == "" {
			continue // an empty line, or a line of dots: anything
		}
		pattern := like(w)
		found := false
		for ; at < len(lines) && !found; at++ {
			found = pattern.MatchString(strings.Join(strings.Fields(lines[at]), " "))
		}
		if !found {
			return fmt.Errorf("the page promises this line, and the output does not have it (any more): %s", w)
		}
	}
	return nil
}

func like(line string) *regexp.Regexp {
	parts := strings.Split(line, "...")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
}

// Replace puts what was found out into a script, in the place of the page's examples. A word
// is only found whole: 42 is not in 1427, but it is in app_restored_42.
type Replace map[string]string

// In is the script with all of them replaced, in one pass: what takes a word's place may have
// another one in it, as a time has numbers. The longest word that is there counts.
func (r Replace) In(script string) string {
	words := slices.SortedFunc(maps.Keys(r), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var b strings.Builder
	for i := 0; i < len(script); {
		at := slices.IndexFunc(words, func(word string) bool {
			after, here := strings.CutPrefix(script[i:], word)
			return here && word != "" && !joined(script[:i], word) && !joined(word, after)
		})
		if at < 0 {
			b.WriteByte(script[i])
			i++
			continue
		}
		b.WriteString(r[words[at]])
		i += len(words[at])
	}
	return b.String()
}

// joined says whether the border of two texts is inside of a word.
func joined(left, right string) bool {
	return left != "" && right != "" && alphanumeric(left[len(left)-1]) && alphanumeric(right[0])
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
