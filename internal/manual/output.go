package manual

import (
	"fmt"
	"regexp"
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

// In is the script with all of them replaced.
func (r Replace) In(script string) string {
	for word, value := range r {
		var b strings.Builder
		rest := script
		for {
			i := strings.Index(rest, word)
			if i < 0 {
				break
			}
			after := rest[i+len(word):]
			b.WriteString(rest[:i])
			if joined(b.String(), word) || joined(word, after) {
				b.WriteString(word)
			} else {
				b.WriteString(value)
			}
			rest = after
		}
		script = b.String() + rest
	}
	return script
}

// joined says whether the border of two texts is inside of a word.
func joined(left, right string) bool {
	return left != "" && right != "" && alphanumeric(left[len(left)-1]) && alphanumeric(right[0])
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
